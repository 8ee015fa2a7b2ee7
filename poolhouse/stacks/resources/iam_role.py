"""AWS::IAM::Role: a role document with its policies, for whoever issues credentials.

Owns the document's form; policies are evaluated by the access room.
"""

from collections.abc import Sequence

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context, Fragment, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.tags import tag_map
from poolhouse.stacks.schema import TAGS, Items, Property, Scalar, Shape, Update
from poolhouse.stacks.template import Tree

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class _Role(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        seconds = properties.get("MaxSessionDuration")
        if isinstance(seconds, int) and not 3600 <= seconds <= 43200:
            return [context.fault("MaxSessionDuration must be from 3600 to 43200", "MaxSessionDuration")]
        return []

    async def create(self, context: Context, properties: Tree) -> Made:
        role_id = "AROA" + "".join(context.call.chance.choice(_ID_LETTERS) for _ in range(17))
        return self._made(context, properties, role_id)

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return self._made(context, properties, str(current.attributes["RoleId"]))

    def _made(self, context: Context, properties: Tree, role_id: str) -> Made:
        name = str(properties.get("RoleName") or context.generated_name(64))
        place = context.place
        arn = f"arn:{place.partition}:iam::{place.account_id}:role{properties.get('Path') or '/'}{name}"
        return Made(name, {"Arn": arn, "RoleId": role_id})

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        properties = resource.properties
        document: Tree = {
            "name": resource.physical_id,
            "arn": resource.attributes["Arn"],
            "role_id": resource.attributes["RoleId"],
            "path": properties.get("Path") or "/",
            "description": properties.get("Description") or "",
            "assume_role_policy": properties["AssumeRolePolicyDocument"],
            "policies": properties.get("Policies") or [],
            "managed_policy_arns": properties.get("ManagedPolicyArns") or [],
            "permissions_boundary": properties.get("PermissionsBoundary"),
            "max_session_seconds": properties.get("MaxSessionDuration") or 3600,
            "tags": tag_map(properties.get("Tags")),
        }
        return [Fragment("role", resource.physical_id, document)]


_POLICY = Shape(
    {"PolicyName": Scalar.TEXT, "PolicyDocument": Scalar.DOCUMENT}, frozenset({"PolicyName", "PolicyDocument"})
)

ROLE = ResourceType(
    name="AWS::IAM::Role",
    properties={
        "AssumeRolePolicyDocument": Property(Scalar.DOCUMENT, required=True),
        "RoleName": Property(Scalar.TEXT, update=Update.REPLACE),
        "Path": Property(Scalar.TEXT, update=Update.REPLACE),
        "Description": Property(Scalar.TEXT),
        "ManagedPolicyArns": Property(Items(Scalar.TEXT)),
        "MaxSessionDuration": Property(Scalar.INTEGER),
        "PermissionsBoundary": Property(Scalar.TEXT),
        "Policies": Property(Items(_POLICY)),
        "Tags": Property(TAGS),
    },
    handler=_Role(),
    attributes=frozenset({"Arn", "RoleId"}),
)
