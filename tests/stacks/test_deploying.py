"""Deploying, changing, failing and deleting, with a resource type of the tests' own and with the real ones."""

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from poolhouse.stacks.deployer import Deployer
from poolhouse.stacks.errors import (
    CannotServe,
    DeployFailed,
    DeployRefused,
    Fault,
    StackBusy,
    StackNotFound,
    TemplateInvalid,
)
from poolhouse.stacks.resource import Context, Made, Resource
from poolhouse.stacks.state import StackStore
from poolhouse.stacks.template import Tree
from poolhouse.storage.database import Batch, Unavailable
from tests.house import House
from tests.stacks.workshop import Shelf, Workshop, shelf_types


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def workshop(house: House, shelf: Shelf, tmp_path: Path) -> Workshop:
    return Workshop(house, tmp_path, shelf_types(shelf))


ATTRIBUTES: tuple[str, ...] = ("DependsOn", "DeletionPolicy", "Condition")


def stack(outputs: Tree | None = None, **resources: Tree) -> Tree:
    entries: Tree = {}
    for name, properties in resources.items():
        attributes: Tree = {key: properties.pop(key) for key in ATTRIBUTES if key in properties}
        entries[name] = {"Type": "Test::Shelf", "Properties": properties, **attributes}
    return {"Resources": entries, **({"Outputs": outputs} if outputs else {})}


async def labels(workshop: Workshop) -> dict[str, str]:
    """What is really there: label by shelf id."""
    rows = await workshop.house.services.database.fetch(
        "SELECT name, value FROM facts WHERE name LIKE 'shelf:%' ORDER BY name"
    )
    return {str(row[0]).removeprefix("shelf:"): bytes(row[1]).decode() for row in rows}


async def served(workshop: Workshop) -> list[str]:
    return [str(document["id"]) for document in await workshop.served.load("shelf")]


async def test_resources_are_made_in_the_order_of_their_references(workshop: Workshop) -> None:
    state = await workshop.deploy(
        stack(
            {"Top": {"Value": {"Fn::GetAtt": ["A", "Arn"]}, "Export": {"Name": "top"}}},
            A={"Label": {"Fn::Sub": "${B}-${C.Arn}"}},
            B={"Label": "b", "DependsOn": "C"},
            C={"Label": "c"},
        )
    )
    made = [f"{name} CREATE_{what}" for name in "CBA" for what in ("IN_PROGRESS", "COMPLETE")]
    assert workshop.happened() == [*made, "shop CREATE_COMPLETE"]
    b, c = state.resources["B"].physical_id, state.resources["C"].physical_id
    assert state.resources["A"].properties["Label"] == f"{b}-arn:shelf:{c}"
    assert state.exports() == {"top": f"arn:shelf:{state.resources['A'].physical_id}"}
    assert set(await served(workshop)) == {one.physical_id for one in state.resources.values()}
    assert (await workshop.served.load("shelf"))[0]["hidden"] == "book"


async def test_a_change_touches_only_what_differs(workshop: Workshop) -> None:
    before = await workshop.deploy(stack(A={"Label": "a"}, B={"Label": {"Ref": "A"}}, C={"Label": "c"}))
    after = await workshop.deploy(stack(A={"Label": "x"}, B={"Label": {"Ref": "A"}}, D={"Label": "d"}))
    assert workshop.planned() == {"A": "MODIFY", "B": "KEEP", "D": "ADD", "C": "REMOVE"}
    assert [str(change) for change in workshop.changes] == [
        "~ A Test::Shelf: updated in place (Label)",
        "+ D Test::Shelf: added",
        "= B Test::Shelf: unchanged",
        "- C Test::Shelf: removed",
    ]
    assert (after.status, after.resources["A"].physical_id) == ("UPDATE_COMPLETE", before.resources["A"].physical_id)
    gone = before.resources["C"].physical_id
    assert gone not in await labels(workshop)
    assert gone not in await served(workshop)


async def test_a_replacement_reaches_whoever_refers_to_it_and_ends_the_old_one(workshop: Workshop) -> None:
    before = await workshop.deploy(stack(A={"Label": "a", "Size": 1}, B={"Label": {"Ref": "A"}}))
    after = await workshop.deploy(stack(A={"Label": "a", "Size": 2}, B={"Label": {"Ref": "A"}}))
    assert workshop.planned() == {"A": "REPLACE", "B": "MODIFY"}
    old, new = before.resources["A"].physical_id, after.resources["A"].physical_id
    assert old != new
    assert await labels(workshop) == {new: "a", after.resources["B"].physical_id: new}


async def test_an_attribute_that_an_update_changes_reaches_whoever_refers_to_it(workshop: Workshop) -> None:
    def template(label: str) -> Tree:
        return stack(A={"Label": label}, B={"Label": {"Fn::GetAtt": ["A", "Label"]}})

    await workshop.deploy(template("one"))
    state = await workshop.deploy(template("two"))
    assert workshop.planned() == {"A": "MODIFY", "B": "MODIFY"}
    assert state.resources["B"].properties["Label"] == "two"


async def test_an_unchanged_deploy_does_nothing(workshop: Workshop) -> None:
    first = await workshop.deploy(stack(A={"Label": "a"}))
    second = await workshop.deploy(stack(A={"Label": "a"}))
    assert (second.version, workshop.events, workshop.changes) == (first.version, [], [])


async def test_a_preview_changes_nothing(workshop: Workshop) -> None:
    state = await workshop.deploy(stack(A={"Label": "a"}))
    request = workshop.request(stack(A={"Label": "b"}))
    [change] = await workshop.deployer.preview(workshop.house.call(), request)
    assert str(change) == "~ A Test::Shelf: updated in place (Label)"
    assert await workshop.deployer.describe("shop") == state


async def test_a_condition_takes_a_resource_away_and_brings_it_back(workshop: Workshop) -> None:
    label: Tree = {"Fn::If": ["WithB", "both", "alone"]}
    template = stack(A={"Label": label}, B={"Label": "b", "Condition": "WithB"})
    template["Parameters"] = {"Both": {"Type": "String", "Default": "true"}}
    template["Conditions"] = {"WithB": {"Fn::Equals": [{"Ref": "Both"}, "true"]}}
    template["Outputs"] = {"Shelf": {"Value": {"Fn::GetAtt": ["B", "Arn"]}, "Condition": "WithB"}}
    assert (await workshop.deploy(template)).resources.keys() == {"A", "B"}
    without = await workshop.deploy(template, {"Both": "false"})
    assert (list(without.resources), without.outputs) == (["A"], {})
    assert sorted((await labels(workshop)).values()) == ["alone"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_failed_first_deploy_leaves_nothing(workshop: Workshop, shelf: Shelf, moment: str) -> None:
    shelf.break_at = "B"
    setattr(shelf, f"break_{moment}_commit", OSError("the wall is too thin"))
    with pytest.raises(DeployFailed) as failed:
        await workshop.deploy(stack(A={"Label": "a"}, B={"Label": "b", "DependsOn": "A"}))
    assert str(failed.value) == (
        "template.yaml:6: B (Test::Shelf): OSError: the wall is too thin (the stack was rolled back)"
    )
    assert failed.value.restored
    state = await workshop.deployer.describe("shop")
    assert (state.status, state.resources, state.journal) == ("ROLLBACK_COMPLETE", {}, None)
    assert "the wall is too thin" in state.reason
    assert await labels(workshop) == {}
    assert await served(workshop) == []


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_failed_change_restores_what_was_and_leaves_it_serving(
    workshop: Workshop, shelf: Shelf, moment: str
) -> None:
    old = await workshop.deploy(stack(A={"Label": "a"}, C={"Label": "c"}))
    there, serving = await labels(workshop), await workshop.served.load("shelf")
    shelf.break_at = "Z"
    setattr(shelf, f"break_{moment}_commit", OSError("no wood left"))
    with pytest.raises(DeployFailed):
        await workshop.deploy(stack(A={"Label": "x"}, B={"Label": "b"}, Z={"Label": "z", "DependsOn": ["A", "B"]}))
    state = await workshop.deployer.describe("shop")
    assert (state.status, state.resources) == ("UPDATE_ROLLBACK_COMPLETE", old.resources)
    assert await labels(workshop) == there
    assert await workshop.served.load("shelf") == serving
    shelf.break_at = None
    assert (await workshop.deploy(stack(A={"Label": "x"}, B={"Label": "b"}))).status == "UPDATE_COMPLETE"


async def test_a_rollback_that_fails_is_finished_by_the_next_deploy(workshop: Workshop, shelf: Shelf) -> None:
    class Breaking(Exception):
        pass

    await workshop.deploy(stack(A={"Label": "a"}))
    shelf.break_at, shelf.break_after_commit = "B", Breaking("once")
    original = shelf.delete
    shelf.delete = _failing  # type: ignore[method-assign]
    with pytest.raises(DeployFailed) as failed:
        await workshop.deploy(stack(A={"Label": "x"}, B={"Label": "b", "DependsOn": "A"}))
    assert not failed.value.restored
    assert (await workshop.deployer.describe("shop")).status == "UPDATE_ROLLBACK_FAILED"
    shelf.delete, shelf.break_at = original, None  # type: ignore[method-assign]
    state = await workshop.deploy(stack(A={"Label": "a"}))
    assert state.status == "UPDATE_COMPLETE"
    assert list((await labels(workshop)).values()) == ["a"]


async def _failing(context: object, current: object) -> None:
    raise OSError("the shelf is stuck")


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_killed_deploy_is_taken_back_by_the_next(workshop: Workshop, shelf: Shelf, moment: str) -> None:
    await workshop.deploy(stack(A={"Label": "a"}))
    shelf.break_at = "C"
    setattr(shelf, f"break_{moment}_commit", asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await workshop.deploy(stack(A={"Label": "x"}, B={"Label": "b"}, C={"Label": "c", "DependsOn": ["A", "B"]}))
    dead = await workshop.deployer.describe("shop")
    assert dead.status == "UPDATE_IN_PROGRESS"
    shelf.break_at = None
    state = await workshop.deploy(stack(A={"Label": "a"}, D={"Label": "d"}))
    assert state.status == "UPDATE_COMPLETE"
    assert sorted((await labels(workshop)).values()) == ["a", "d"]


async def test_a_killed_first_deploy_leaves_no_orphan(workshop: Workshop, shelf: Shelf) -> None:
    shelf.break_at, shelf.break_after_commit = "A", asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await workshop.deploy(stack(A={"Label": "a"}))
    assert len(await labels(workshop)) == 1
    shelf.break_at = None
    state = await workshop.deploy(stack(A={"Label": "a"}))
    assert await labels(workshop) == {state.resources["A"].physical_id: "a"}


async def test_what_cannot_be_served_is_told_at_its_resource(house: House, workshop: Workshop, shelf: Shelf) -> None:
    async def rehearse(documents: Mapping[tuple[str, str], Tree]) -> None:
        raise CannotServe("shelf", "b", "too narrow", ("Label",))

    database, keyring = house.services.database, house.services.keyring
    workshop.deployer = Deployer(database, keyring, shelf_types(shelf), house.clock, rehearse=rehearse)
    text = (
        "Resources:\n  A:\n    Type: Test::Shelf\n    Properties: {Label: a}\n"
        "  B:\n    Type: Test::Shelf\n    Properties:\n      Label: b\n"
    )
    with pytest.raises(DeployFailed, match=r"^template.yaml:8: B cannot be served: too narrow .the stack was rolled"):
        await workshop.deploy(text)
    assert await labels(workshop) == {}


async def test_a_failure_that_nobody_foresaw_is_taken_back_too(house: House, tmp_path: Path) -> None:
    class Odd(Shelf):
        def review(self, context: Context, resource: Resource, others: Iterable[Resource]) -> Sequence[Fault]:
            raise TypeError("what is that")

    workshop = Workshop(house, tmp_path, shelf_types(Odd()))
    with pytest.raises(DeployFailed, match=r"TypeError: what is that .the stack was rolled back."):
        await workshop.deploy(stack(A={"Label": "a"}))
    assert (await labels(workshop), await served(workshop)) == ({}, [])
    assert (await workshop.deployer.describe("shop")).status == "ROLLBACK_COMPLETE"


async def test_an_output_that_turns_out_to_be_missing_is_told_at_its_line(house: House, tmp_path: Path) -> None:
    class Bare(Shelf):
        async def create(self, context: Context, properties: Tree) -> Made:
            return Made((await super().create(context, properties)).physical_id)

    workshop = Workshop(house, tmp_path, shelf_types(Bare()))
    with pytest.raises(DeployFailed, match=r"^template.yaml:\d+: A has no attribute Arn"):
        await workshop.deploy(stack({"Out": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}}, A={"Label": "a"}))
    assert await labels(workshop) == {}


async def test_a_rehearsal_that_fails_takes_the_deploy_back(house: House, workshop: Workshop, shelf: Shelf) -> None:
    async def rehearse(documents: Mapping[tuple[str, str], Tree]) -> None:
        assert documents == {("shelf", "a"): {"id": next(iter(await labels(workshop))), "hidden": "book"}}
        raise RuntimeError("the hall is too small")

    database, keyring = house.services.database, house.services.keyring
    workshop.deployer = Deployer(database, keyring, shelf_types(shelf), house.clock, rehearse=rehearse)
    with pytest.raises(DeployFailed, match=r"RuntimeError: the hall is too small .the stack was rolled back."):
        await workshop.deploy(stack(A={"Label": "a"}))
    assert (await labels(workshop), await served(workshop)) == ({}, [])


async def test_a_database_that_goes_away_leaves_the_rest_to_the_next_deploy(workshop: Workshop, shelf: Shelf) -> None:
    shelf.break_at, shelf.break_after_commit = "B", Unavailable("gone fishing")
    with pytest.raises(Unavailable):
        await workshop.deploy(stack(A={"Label": "a"}, B={"Label": "b", "DependsOn": "A"}))
    assert len(await labels(workshop)) == 2
    shelf.break_at = None
    await workshop.deploy(stack(C={"Label": "c"}))
    assert list((await labels(workshop)).values()) == ["c"]


async def test_of_two_deploys_at_once_one_is_refused(workshop: Workshop, house: House, shelf: Shelf) -> None:
    other = Workshop(house, workshop.folder, shelf_types(shelf))
    shelf.go_on.clear()
    first = asyncio.create_task(workshop.deploy(stack(A={"Label": "a"})))
    await shelf.begun.wait()
    with pytest.raises(StackBusy, match="another deploy of it is under way; wait until it ends"):
        await other.deploy(stack(B={"Label": "b"}))
    shelf.go_on.set()
    assert list((await first).resources) == ["A"]
    assert list((await labels(workshop)).values()) == ["a"]


async def test_a_deploy_that_was_overtaken_stops_and_takes_nothing_back(
    workshop: Workshop, house: House, shelf: Shelf
) -> None:
    await workshop.deploy(stack(A={"Label": "old"}))
    slow = Shelf()
    slow.hold_at = "B"
    slow.go_on.clear()
    overtaken = Workshop(house, workshop.folder, shelf_types(slow))
    task = asyncio.create_task(overtaken.deploy(stack(A={"Label": "x"}, B={"Label": "b", "DependsOn": "A"})))
    await slow.begun.wait()
    # As another node sees it whose clock says that the lease is over.
    state = await workshop.deployer.describe("shop")
    assert state.journal is not None
    owner = msgspec.structs.replace(state.journal.owner, token="of-another-process", lease_until=0.0)
    store = StackStore(house.services.database, house.services.keyring)
    batch = Batch()
    journal = msgspec.structs.replace(state.journal, owner=owner)
    taken = msgspec.structs.replace(state, version=state.version + 1, journal=journal)
    store.update(batch, taken, StackBusy("shop", "unexpected"))
    await house.services.database.commit(batch)
    await workshop.deploy(stack(A={"Label": "new"}))
    slow.go_on.set()
    with pytest.raises(StackBusy, match="another deploy of it was faster"):
        await task
    assert list((await labels(workshop)).values()) == ["new"]


async def test_a_deploy_under_way_elsewhere_is_not_disturbed_until_its_lease_is_over(
    workshop: Workshop, house: House, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.break_at, shelf.break_after_commit = "A", asyncio.CancelledError()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("poolhouse.stacks.journal.host_identity", lambda: "node-2/boot")
        with pytest.raises(asyncio.CancelledError):
            await workshop.deploy(stack(A={"Label": "a"}))
    shelf.break_at = None
    with pytest.raises(StackBusy, match="node-2 is deploying it; try again in 60 s"):
        await workshop.deploy(stack(A={"Label": "a"}))
    house.clock.forward(61)
    assert (await workshop.deploy(stack(A={"Label": "a"}))).status == "CREATE_COMPLETE"


async def test_a_template_that_is_broken_changes_nothing(workshop: Workshop) -> None:
    old = await workshop.deploy(stack(A={"Label": "a"}))
    with pytest.raises(TemplateInvalid, match=r"template.yaml:4: Test::Shelf needs the property Label"):
        await workshop.deploy(stack(A={"Size": 1}))
    assert await workshop.deployer.describe("shop") == old


async def test_an_unchangeable_property_is_refused(workshop: Workshop) -> None:
    await workshop.deploy(stack(A={"Label": "a", "Wood": "oak"}))
    with pytest.raises(DeployRefused, match=r"template.yaml:6: changing Wood of A would need another Shelf; restore"):
        await workshop.deploy(stack(A={"Label": "a", "Wood": "pine"}))


async def test_a_name_of_another_stack_is_not_taken_over(workshop: Workshop) -> None:
    await workshop.deploy(stack(A={"Label": "same"}))
    with pytest.raises(DeployFailed, match="another stack already has shelf same"):
        await workshop.deploy(stack(B={"Label": "same"}), stack="other")
    assert list((await labels(workshop)).values()) == ["same"]
    assert (await workshop.deployer.describe("other")).status == "ROLLBACK_COMPLETE"


async def test_exports_tie_stacks_together(workshop: Workshop) -> None:
    exporting = stack({"Id": {"Value": {"Ref": "A"}, "Export": {"Name": "the-shelf"}}}, A={"Label": "a"})
    importing = stack(B={"Label": {"Fn::ImportValue": "the-shelf"}})
    with pytest.raises(TemplateInvalid, match="no stack exports the-shelf; deploy that stack first"):
        await workshop.deploy(importing, stack="reader")
    first = await workshop.deploy(exporting)
    state = await workshop.deploy(importing, stack="reader")
    assert state.resources["B"].properties["Label"] == first.resources["A"].physical_id
    assert state.imports == ("the-shelf",)
    with pytest.raises(DeployRefused, match="the export the-shelf would change or go, and stack reader imports it"):
        await workshop.deploy(stack(A={"Label": "a"}))
    with pytest.raises(DeployRefused, match="stack shop already exports the-shelf"):
        await workshop.deploy(exporting, stack="third")
    with pytest.raises(DeployRefused, match="stack reader imports the-shelf; delete that stack first"):
        await workshop.deployer.delete(workshop.house.call(), "shop")


async def test_a_retained_resource_outlives_its_place_in_the_template(workshop: Workshop) -> None:
    await workshop.deploy(stack(A={"Label": "a", "DeletionPolicy": "Retain"}, B={"Label": "b"}))
    state = await workshop.deploy(stack(B={"Label": "b"}))
    assert workshop.planned() == {"B": "KEEP", "A": "RETAIN"}
    assert sorted((await labels(workshop)).values()) == ["a", "b"]
    assert list(state.resources) == ["B"]


async def test_what_cannot_be_deleted_is_named_and_tried_again(workshop: Workshop, shelf: Shelf) -> None:
    await workshop.deploy(stack(A={"Label": "a"}, B={"Label": "b"}))
    shelf.break_at, shelf.break_before_commit = "A", OSError("stuck")
    state = await workshop.deploy(stack(B={"Label": "b"}))
    assert state.status == "UPDATE_COMPLETE"
    assert any("was not deleted: OSError: stuck" in warning for warning in state.warnings)
    shelf.break_at = None
    state = await workshop.deploy(stack(B={"Label": "b"}))
    assert (state.cleanup, state.warnings) == ((), ())
    assert list((await labels(workshop)).values()) == ["b"]


async def test_a_deleted_stack_is_gone_with_all_it_had(workshop: Workshop, shelf: Shelf) -> None:
    state = await workshop.deploy(stack(A={"Label": "a"}, B={"Label": {"Ref": "A"}}))
    await workshop.deployer.delete(workshop.house.call(), "shop", report=workshop.events.append)
    assert shelf.deleted == [state.resources["B"].physical_id, state.resources["A"].physical_id]
    assert (await labels(workshop), await served(workshop)) == ({}, [])
    with pytest.raises(StackNotFound, match="there is no stack named shop"):
        await workshop.deployer.describe("shop")


async def test_a_deletion_that_fails_keeps_what_is_left_and_can_be_repeated(workshop: Workshop, shelf: Shelf) -> None:
    await workshop.deploy(stack(A={"Label": "a"}, B={"Label": "b"}))
    shelf.break_at, shelf.break_before_commit = "A", OSError("stuck")
    with pytest.raises(DeployFailed, match="was not deleted: OSError: stuck"):
        await workshop.deployer.delete(workshop.house.call(), "shop")
    state = await workshop.deployer.describe("shop")
    assert (state.status, list(state.resources)) == ("DELETE_FAILED", ["A"])
    shelf.break_at = None
    await workshop.deployer.delete(workshop.house.call(), "shop")
    assert await workshop.deployer.list_stacks() == []


async def test_a_precious_resource_is_never_lost_in_passing(house: House, shelf: Shelf, workshop: Workshop) -> None:
    precious = Workshop(house, workshop.folder, shelf_types(shelf, precious="its books"))
    await precious.deploy(stack(A={"Label": "a", "Size": 1}, B={"Label": "b"}))
    with pytest.raises(
        DeployRefused, match=r"changing Size of A would need another Shelf, and its books would be lost"
    ):
        await precious.deploy(stack(A={"Label": "a", "Size": 2}, B={"Label": "b"}))
    with pytest.raises(
        DeployRefused, match=r"A \(s.*\) is no longer in the template; deleting it would lose its books"
    ):
        await precious.deploy(stack(B={"Label": "b"}))
    with pytest.raises(DeployRefused, match=r"deleting A .* would lose its books; allow the deletion explicitly"):
        await precious.deployer.delete(house.call(), "shop")
    await precious.deploy(stack(B={"Label": "b"}), allow=True)
    assert list((await labels(precious)).values()) == ["b"]


async def test_a_rollback_leaves_behind_what_already_has_contents(
    house: House, shelf: Shelf, workshop: Workshop
) -> None:
    precious = Workshop(house, workshop.folder, shelf_types(shelf, precious="its books"))
    shelf.break_at, shelf.break_after_commit = "A", asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await precious.deploy(stack(A={"Label": "a"}))
    shelf.break_at = None
    [orphan] = await labels(precious)
    shelf.full.add(orphan)
    with pytest.raises(TemplateInvalid):
        await precious.deploy(stack(A={"Size": 1}))
    state = await precious.deployer.describe("shop")
    assert list(await labels(precious)) == [orphan]
    assert state.warnings == (f"A ({orphan}) was left behind, it already has 2 books",)


@pytest.mark.parametrize("name", ["", "1st", "a_b", "a b", "x" * 129])
async def test_a_stack_name_is_checked(workshop: Workshop, name: str) -> None:
    with pytest.raises(TemplateInvalid, match="this cannot be a stack's name"):
        await workshop.deploy(stack(A={"Label": "a"}), stack=name)


async def test_a_stack_stays_in_its_region(workshop: Workshop) -> None:
    await workshop.deploy(stack(A={"Label": "a"}))
    request = dataclasses.replace(workshop.request(stack(A={"Label": "a"})), region="us-east-1")
    with pytest.raises(DeployRefused, match="stack shop was deployed in eu-west-1 for account 000000000000"):
        await workshop.deployer.deploy(workshop.house.call(), request)


async def test_a_name_is_a_parameter_or_a_resource_and_not_both(workshop: Workshop) -> None:
    template = stack(A={"Label": "a"})
    template["Parameters"] = {"A": {"Type": "String", "Default": "x"}}
    with pytest.raises(TemplateInvalid, match=r"template.yaml:2: A names a parameter and a resource; rename one"):
        await workshop.deploy(template)
