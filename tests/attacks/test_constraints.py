"""Every constraint of every operation that is built, broken over the wire: the service's words, never a 500."""

import re

import pytest

import poolhouse.userpools.operations  # noqa: F401  # fills the table of what is built
from poolhouse.userpools.registry import OPERATIONS
from tests.attacks.premises import Premises
from tests.attacks.violations import operation_model, violations

pytestmark = pytest.mark.asyncio(loop_scope="module")

_REPORT = re.compile(r"(\d+) validation errors? detected: Value.* at '.+' failed to satisfy constraint: .*", re.DOTALL)


def is_signed(operation: str) -> bool:
    return bool(operation_model(operation).auth_type != "none")


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_every_constraint_is_kept(standing: Premises, operation: str) -> None:
    seen = 0
    for violation in violations(operation):
        reply = await standing.service.call(operation, violation.body, signed=is_signed(operation))
        seen += 1
        assert reply.status == 400, (str(violation), reply)
        if violation.phrase is None:
            assert reply.error == "SerializationException", (str(violation), reply)
            continue
        assert reply.error == "InvalidParameterException", (str(violation), reply)
        assert _REPORT.fullmatch(reply.message), (str(violation), reply)
        assert f"at '{violation.place}'" in reply.message, (str(violation), reply)
        assert violation.phrase in reply.message, (str(violation), reply)
        assert violation.secret is None or violation.secret not in reply.body.decode(), str(violation)
    assert seen > 0 or operation_model(operation).input_shape is None


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_an_empty_request_lists_every_missing_member(standing: Premises, operation: str) -> None:
    shape = operation_model(operation).input_shape
    required = shape.required_members if shape is not None else []
    reply = await standing.service.call(operation, {}, signed=is_signed(operation))
    assert reply.status in (200, 400), reply
    if required:
        assert reply.error == "InvalidParameterException"
        assert reply.message.startswith(f"{len(required)} validation error")
        for name in required:
            assert (
                f"at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
                in reply.message
            )
