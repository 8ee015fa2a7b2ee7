"""AWS::ApiGateway::Deployment: an id, and a stage when it names one."""

from collections.abc import Sequence

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context, Fragment, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.apigateway_rest_api import short_id
from poolhouse.stacks.resources.apigateway_stage import stage_fragment, stage_name_faults
from poolhouse.stacks.schema import Property, Scalar, Update
from poolhouse.stacks.template import Tree


class _Deployment(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        return stage_name_faults(context, properties.get("StageName"))

    async def create(self, context: Context, properties: Tree) -> Made:
        deployment_id = short_id(context.call, 6)
        return Made(deployment_id, {"DeploymentId": deployment_id})

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return Made(current.physical_id, current.attributes)

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        properties = resource.properties
        if "StageName" not in properties:
            return ()
        # The serverless transform names a stage "Stage" here, and AWS really makes it beside the one asked for.
        described = properties.get("StageDescription")
        settings = described if isinstance(described, dict) else {}
        document: Tree = {"deployment_id": resource.physical_id, "variables": settings.get("Variables") or {}}
        return [stage_fragment(str(properties["RestApiId"]), str(properties["StageName"]), document)]


DEPLOYMENT = ResourceType(
    name="AWS::ApiGateway::Deployment",
    properties={
        "RestApiId": Property(Scalar.TEXT, required=True, update=Update.REPLACE),
        "Description": Property(Scalar.TEXT),
        "StageName": Property(Scalar.TEXT),
        "StageDescription": Property(Scalar.DOCUMENT),
        "DeploymentCanarySettings": Property(Scalar.DOCUMENT, unheeded="canaries are not provided"),
    },
    handler=_Deployment(),
    attributes=frozenset({"DeploymentId"}),
)
