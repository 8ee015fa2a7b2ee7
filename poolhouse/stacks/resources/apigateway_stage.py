"""AWS::ApiGateway::Stage: a stage of an api document."""

import re
from collections.abc import Sequence

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.intrinsics import is_unknown
from poolhouse.stacks.resource import Context, Fragment, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.tags import tag_map
from poolhouse.stacks.schema import TAGS, Entries, Items, Property, Scalar, Update
from poolhouse.stacks.template import JsonValue, Tree

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}|\$default")
_VARIABLE = re.compile(r"[A-Za-z0-9_]+")


def stage_name_faults(context: Context, name: JsonValue) -> list[Fault]:
    """A fault unless the name can be a stage's."""
    if name is None or is_unknown(name) or _NAME.fullmatch(str(name)):
        return []
    return [context.fault(f"{name} cannot be a stage's name", "StageName", advice="use letters, digits, _ and -")]


def stage_fragment(api_id: str, stage: str, document: Tree) -> Fragment:
    """What a stage adds to its api's document."""
    return Fragment("api", api_id, {"stages": {stage: {"variables": {}, **document}}})


class _Stage(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        if not properties.get("StageName"):
            return [context.fault("AWS::ApiGateway::Stage needs the property StageName")]
        variables = properties.get("Variables")
        faults = [
            context.fault(f"{name} cannot be a stage variable's name", "Variables", name)
            for name in (variables if isinstance(variables, dict) else {})
            if _VARIABLE.fullmatch(name) is None
        ]
        return stage_name_faults(context, properties["StageName"]) + faults

    async def create(self, context: Context, properties: Tree) -> Made:
        return Made(str(properties["StageName"]))

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return Made(str(properties["StageName"]))

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        properties = resource.properties
        document: Tree = {
            "variables": properties.get("Variables") or {},
            "deployment_id": properties.get("DeploymentId"),
            "description": properties.get("Description") or "",
            "tracing": properties.get("TracingEnabled") or False,
            "tags": tag_map(properties.get("Tags")),
        }
        return [stage_fragment(str(properties["RestApiId"]), resource.physical_id, document)]


STAGE = ResourceType(
    name="AWS::ApiGateway::Stage",
    properties={
        "RestApiId": Property(Scalar.TEXT, required=True, update=Update.REPLACE),
        "StageName": Property(Scalar.TEXT, update=Update.REPLACE),
        "DeploymentId": Property(Scalar.TEXT),
        "Description": Property(Scalar.TEXT),
        "Variables": Property(Entries(Scalar.TEXT)),
        "Tags": Property(TAGS),
        "TracingEnabled": Property(Scalar.FLAG),
        "AccessLogSetting": Property(Scalar.DOCUMENT, unheeded="every request is in the server's own log"),
        "MethodSettings": Property(Items(Scalar.DOCUMENT), unheeded="throttling and caching are not provided"),
        "CacheClusterEnabled": Property(Scalar.FLAG, unheeded="answers are not cached"),
        "CacheClusterSize": Property(Scalar.TEXT, unheeded="answers are not cached"),
        "CanarySetting": Property(Scalar.DOCUMENT, unheeded="canaries are not provided"),
        "ClientCertificateId": Property(Scalar.TEXT, unheeded="client certificates are not provided"),
        "DocumentationVersion": Property(Scalar.TEXT),
    },
    handler=_Stage(),
)
