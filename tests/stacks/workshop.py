"""What the tests of stacks share: a deployer on a real installation, templates, and a resource type of their own."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from poolhouse.model.cognito_idp_model import DescribeUserPoolRequest, UserPoolType
from poolhouse.stacks.changeset import Change
from poolhouse.stacks.deployer import Deployer
from poolhouse.stacks.drafting import DeployRequest
from poolhouse.stacks.execution import ResourceEvent
from poolhouse.stacks.resource import Context, Effect, Fragment, Handler, Made, Resource, ResourceType, ResourceTypes
from poolhouse.stacks.resources import resource_types
from poolhouse.stacks.schema import Property, Scalar, Update
from poolhouse.stacks.served import ServedStore
from poolhouse.stacks.state import StackState
from poolhouse.stacks.template import Tree
from poolhouse.storage.database import Batch
from poolhouse.userpools.operations.pools import describe_user_pool
from tests.house import House

SEED = Path(__file__).with_name("seed.yaml")


class Workshop:
    """Deploys templates of one folder."""

    def __init__(self, house: House, folder: Path, types: ResourceTypes | None = None) -> None:
        self.house = house
        self.folder = folder
        self.events: list[ResourceEvent] = []
        self.changes: list[Change] = []
        database, keyring = house.services.database, house.services.keyring
        self.served = ServedStore(database, keyring)
        self.deployer = Deployer(database, keyring, types or resource_types(), house.clock, folder / "inline")

    def with_code(self, *names: str) -> "Workshop":
        for name in names:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self

    def request(
        self,
        template: str | Tree,
        parameters: Mapping[str, str] | None = None,
        *,
        stack: str = "shop",
        allow: bool = False,
    ) -> DeployRequest:
        return DeployRequest(
            stack_name=stack,
            template_text=template if isinstance(template, str) else yaml.safe_dump(template, sort_keys=False),
            template_name="template.yaml",
            code_base=self.folder,
            account_id="000000000000",
            parameters=parameters or {},
            allow_delete_pools=allow,
        )

    async def deploy(
        self,
        template: str | Tree,
        parameters: Mapping[str, str] | None = None,
        *,
        stack: str = "shop",
        allow: bool = False,
    ) -> StackState:
        self.events.clear()
        self.changes.clear()
        request = self.request(template, parameters, stack=stack, allow=allow)
        return await self.deployer.deploy(
            self.house.call(), request, report=self.events.append, announce=self.changes.extend
        )

    def happened(self) -> list[str]:
        return [f"{event.logical_id} {event.status}" for event in self.events]

    def planned(self) -> dict[str, str]:
        return {change.logical_id: change.action.name for change in self.changes}

    async def pool(self, pool_id: str) -> UserPoolType:
        response = await describe_user_pool(self.house.call(), DescribeUserPoolRequest(user_pool_id=pool_id))
        assert response.user_pool is not None
        return response.user_pool


class Shelf(Handler):
    """A resource with an effect of its own in the database: the fact `shelf:<id>`. Breaks when told to."""

    def __init__(self) -> None:
        self.break_at: str | None = None
        self.break_after_commit: BaseException | None = None
        self.break_before_commit: BaseException | None = None
        self.hold_at: str | None = None
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.full: set[str] = set()
        self.deleted: list[str] = []

    async def _put(self, context: Context, shelf_id: str, properties: Tree) -> Made:
        if self.hold_at in (None, context.logical_id):
            self.begun.set()
            await self.go_on.wait()
        breaking = context.logical_id == self.break_at or properties.get("Label") == self.break_at
        if breaking and self.break_before_commit is not None:
            raise self.break_before_commit
        batch = Batch()
        batch.add(
            "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            f"shelf:{shelf_id}",
            str(properties["Label"]).encode(),
        )
        batch.notify("shelf", shelf_id)
        await context.call.commit(batch)
        if breaking and self.break_after_commit is not None:
            raise self.break_after_commit
        return Made(shelf_id, {"Arn": f"arn:shelf:{shelf_id}", "Label": properties["Label"]})

    async def create(self, context: Context, properties: Tree) -> Made:
        return await self._put(context, f"s{context.call.chance.getrandbits(64):016x}", properties)

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return await self._put(context, current.physical_id, properties)

    async def delete(self, context: Context, current: Resource) -> None:
        if context.logical_id == self.break_at and self.break_before_commit is not None:
            raise self.break_before_commit
        batch = Batch()
        batch.add("DELETE FROM facts WHERE name = ?", f"shelf:{current.physical_id}")
        await context.call.commit(batch)
        self.deleted.append(current.physical_id)

    def claim(self, effects: Sequence[Effect], properties: Tree) -> str | None:
        return next((key for topic, key in effects if topic == "shelf"), None)

    async def contents(self, context: Context, current: Resource) -> str:
        return "2 books" if current.physical_id in self.full else ""

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        return [Fragment("shelf", str(resource.properties["Label"]), {"id": resource.physical_id}, {"hidden": "book"})]


def shelf_types(shelf: Shelf, *, precious: str = "") -> ResourceTypes:
    """Test::Shelf, whose Size means another shelf and whose Wood never changes."""
    kind = ResourceType(
        name="Test::Shelf",
        properties={
            "Label": Property(Scalar.TEXT, required=True),
            "Size": Property(Scalar.INTEGER, update=Update.REPLACE),
            "Wood": Property(Scalar.TEXT, update=Update.REFUSED),
            "Paint": Property(Scalar.TEXT, unheeded="shelves are not painted"),
        },
        handler=shelf,
        attributes=frozenset({"Arn", "Label"}),
        volatile=frozenset({"Label"}),
        precious=precious,
    )
    return {kind.name: kind}
