"""AWS::ApiGateway::RestApi: an api document with its OpenAPI body, for the gateway to serve.

Owns the document's form; what the body means is the gateway's.
DEVIATION: a changed Body is served at once, without a new deployment; there is one body for all stages.
"""

from collections.abc import Sequence

from poolhouse.call import Call
from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context, Fragment, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.tags import tag_map
from poolhouse.stacks.schema import TAGS, Entries, Items, Property, Scalar, Shape
from poolhouse.stacks.template import Tree

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def short_id(call: Call, length: int) -> str:
    """An id as API Gateway makes them: lower-case letters and digits."""
    return "".join(call.chance.choice(LETTERS) for _ in range(length))


def _name(properties: Tree) -> str:
    if properties.get("Name"):
        return str(properties["Name"])
    body = properties.get("Body")
    info = body.get("info") if isinstance(body, dict) else None
    return str(info.get("title") or "") if isinstance(info, dict) else ""


class _RestApi(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        if "BodyS3Location" in properties:
            return [context.fault("an OpenAPI body cannot come from S3", "BodyS3Location", advice="put it under Body")]
        if not _name(properties):
            return [context.fault("AWS::ApiGateway::RestApi needs a Name, or a Body with a title")]
        return []

    async def create(self, context: Context, properties: Tree) -> Made:
        return self._made(short_id(context.call, 10), short_id(context.call, 10))

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return self._made(current.physical_id, str(current.attributes["RootResourceId"]))

    def _made(self, api_id: str, root_id: str) -> Made:
        return Made(api_id, {"RestApiId": api_id, "RootResourceId": root_id})

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        properties = resource.properties
        document: Tree = {
            "api_id": resource.physical_id,
            "name": _name(properties),
            "description": properties.get("Description") or "",
            "region": context.place.region,
            "account": context.place.account_id,
            "root_resource_id": resource.attributes["RootResourceId"],
            "created_by": {"stack": context.place.stack_name, "logical_id": context.logical_id},
            "binary_media_types": properties.get("BinaryMediaTypes") or [],
            "tags": tag_map(properties.get("Tags")),
            "body": properties.get("Body") or {},
            "stages": {},
        }
        return [Fragment("api", resource.physical_id, document)]


REST_API = ResourceType(
    name="AWS::ApiGateway::RestApi",
    properties={
        "Name": Property(Scalar.TEXT),
        "Description": Property(Scalar.TEXT),
        "Body": Property(Scalar.DOCUMENT),
        "BodyS3Location": Property(Scalar.DOCUMENT),
        "BinaryMediaTypes": Property(Items(Scalar.TEXT)),
        "Tags": Property(TAGS),
        "Parameters": Property(Entries(Scalar.TEXT)),
        "EndpointConfiguration": Property(
            Shape({"Types": Items(Scalar.TEXT), "VpcEndpointIds": Items(Scalar.TEXT), "IpAddressType": Scalar.TEXT})
        ),
        "FailOnWarnings": Property(Scalar.FLAG),
        "Mode": Property(Scalar.TEXT),
        "DisableExecuteApiEndpoint": Property(Scalar.FLAG, unheeded="the API keeps its own URL"),
        "MinimumCompressionSize": Property(Scalar.INTEGER, unheeded="answers are not compressed"),
        "ApiKeySourceType": Property(Scalar.TEXT, unheeded="API keys are not checked"),
        "Policy": Property(Scalar.DOCUMENT, unheeded="resource policies are not evaluated"),
        "CloneFrom": Property(Scalar.TEXT, unheeded="nothing is cloned"),
    },
    handler=_RestApi(),
    attributes=frozenset({"RestApiId", "RootResourceId"}),
)
