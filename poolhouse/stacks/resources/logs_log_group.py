"""AWS::Logs::LogGroup: recorded with the stack; functions log to the server's own log."""

from poolhouse.stacks.resource import Context, Handler, Made, Resource, ResourceType
from poolhouse.stacks.schema import TAGS, Property, Scalar, Update
from poolhouse.stacks.template import Tree


class _LogGroup(Handler):
    async def create(self, context: Context, properties: Tree) -> Made:
        name = str(properties.get("LogGroupName") or context.generated_name(512))
        place = context.place
        return Made(name, {"Arn": f"arn:{place.partition}:logs:{place.region}:{place.account_id}:log-group:{name}:*"})

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return await self.create(context, properties)


LOG_GROUP = ResourceType(
    name="AWS::Logs::LogGroup",
    properties={
        "LogGroupName": Property(Scalar.TEXT, update=Update.REPLACE),
        "RetentionInDays": Property(Scalar.INTEGER, unheeded="how long logs are kept is decided where they go"),
        "KmsKeyId": Property(Scalar.TEXT, unheeded="logs are not encrypted here"),
        "LogGroupClass": Property(Scalar.TEXT),
        "DataProtectionPolicy": Property(Scalar.DOCUMENT, unheeded="logs hold no attribute values"),
        "FieldIndexPolicies": Property(Scalar.JSON),
        "Tags": Property(TAGS),
    },
    handler=_LogGroup(),
    attributes=frozenset({"Arn"}),
)
