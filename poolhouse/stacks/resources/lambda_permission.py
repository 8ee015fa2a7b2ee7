"""AWS::Lambda::Permission: recorded with the stack; who may call a function is decided by the routes that name it."""

from poolhouse.stacks.resource import Context, Handler, Made, Resource, ResourceType
from poolhouse.stacks.schema import Property, Scalar, Update
from poolhouse.stacks.template import Tree


class _Permission(Handler):
    async def create(self, context: Context, properties: Tree) -> Made:
        return Made(context.generated_name(100))

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return Made(current.physical_id)


_TEXTS = ("EventSourceToken", "FunctionUrlAuthType", "PrincipalOrgID", "SourceAccount", "SourceArn")

PERMISSION = ResourceType(
    name="AWS::Lambda::Permission",
    properties={
        "Action": Property(Scalar.TEXT, required=True, update=Update.REPLACE),
        "FunctionName": Property(Scalar.TEXT, required=True, update=Update.REPLACE),
        "Principal": Property(Scalar.TEXT, required=True, update=Update.REPLACE),
        "InvokedViaFunctionUrl": Property(Scalar.FLAG, update=Update.REPLACE),
        **{name: Property(Scalar.TEXT, update=Update.REPLACE) for name in _TEXTS},
    },
    handler=_Permission(),
)
