"""Property schemas and constraint checks that come out of the service model's own request shapes.

CloudFormation's properties are the operations' members nearly everywhere. Knows no particular operation.
"""

import re
from collections.abc import Mapping
from functools import cache

from msgspec import inspect

from poolhouse.model.errors import ServiceError
from poolhouse.model.shape import Operation, Service
from poolhouse.model.shape import Shape as RequestShape
from poolhouse.model.validation import RequestDecoder
from poolhouse.stacks.errors import Fault, Step
from poolhouse.stacks.intrinsics import has_unknown
from poolhouse.stacks.resource import Context
from poolhouse.stacks.schema import Choice, Entries, Items, Kind, Scalar, Shape
from poolhouse.stacks.template import JsonValue, Tree

_VIOLATION = re.compile(r"Value (?:'(?:[^']|'(?! at '))*' |null )?at '([^']+)' failed to satisfy constraint: ([^;]+)")


def members_of(request: type[RequestShape]) -> dict[str, Kind]:
    """The kind of every member of a request, by wire name."""
    described = inspect.type_info(request)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: _kind(field.type) for field in described.fields}


def _kind(described: inspect.Type) -> Kind:
    match described:
        case inspect.Metadata(type=inner):
            return _kind(inner)
        case inspect.UnionType(types=types):
            [inner] = [one for one in types if not isinstance(one, inspect.NoneType)]
            return _kind(inner)
        case inspect.ListType(item_type=inner):
            return Items(_kind(inner))
        case inspect.DictType(value_type=inner):
            return Entries(_kind(inner))
        case inspect.LiteralType(values=values):
            return Choice(tuple(str(value) for value in values))
        case inspect.StructType(fields=fields):
            members = {field.encode_name: _kind(field.type) for field in fields}
            return Shape(members, frozenset(field.encode_name for field in fields if field.required))
        case _:
            return _SCALARS.get(type(described), Scalar.JSON)


_SCALARS: dict[type[inspect.Type], Scalar] = {
    inspect.StrType: Scalar.TEXT,
    inspect.IntType: Scalar.INTEGER,
    inspect.FloatType: Scalar.NUMBER,
    inspect.BoolType: Scalar.FLAG,
}


def constraint_faults(
    context: Context, decoder: RequestDecoder, members: Tree, names: Mapping[str, str]
) -> list[Fault]:
    """What the operation itself would find wrong with these members, each at its property.

    Members that are only known after the deploy are left out; `names` gives the property of a renamed member.
    """
    known: Tree = {name: value for name, value in members.items() if not has_unknown(value)}
    try:
        decoder.read(known)
    except ServiceError as error:
        faults = []
        for where, complaint in _VIOLATION.findall(error.message):
            steps = _steps(where, members)
            if len(steps) == 1 and steps[0] in members and steps[0] not in known:
                continue
            shown = ".".join(str(step) for step in steps)
            faults.append(
                context.fault(f"{shown}: {complaint.strip()}", names.get(str(steps[0]), steps[0]), *steps[1:])
            )
        return faults or ([] if len(known) < len(members) else [context.fault(error.message)])
    return []


def _steps(where: str, members: Tree) -> list[Step]:
    """`policies.passwordPolicy.minimumLength`, `schema.1.member.name` as steps of a template's path."""
    steps: list[Step] = []
    node: JsonValue = members
    for part in where.split("."):
        if part == "member" and steps and isinstance(steps[-1], int):
            continue  # the service writes `2.member` for the second of a list
        if isinstance(node, list):
            steps.append(int(part) - 1)
            node = node[int(part) - 1] if 0 < int(part) <= len(node) else None
        else:
            known = node if isinstance(node, dict) else {}
            name = next((key for key in known if key.lower() == part.lower()), part[:1].upper() + part[1:])
            steps.append(name)
            node = known.get(name)
    return steps


@cache
def decoder_of(operation: Operation, service: Service) -> RequestDecoder:
    """The one decoder of an operation."""
    return RequestDecoder(operation, service)
