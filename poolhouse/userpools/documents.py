"""Settings as they are stored: shapes of the service model in JSON, read back without their constraints.

A constraint guards the door, not the shelf: what was accepted must stay readable when a newer model tightens a
pattern, and what we derive (`custom:` names, the 20 standard attributes beside 50 custom ones) is longer than what
may be sent. Knows no shape in particular.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

import msgspec
from msgspec import inspect

from poolhouse.model.shape import Shape

ShapeT = TypeVar("ShapeT", bound=Shape)
_Reader = Callable[[object], object]


def write_document(shape: Shape) -> str:
    """The JSON text of a shape; absent members are left out."""
    return msgspec.json.encode(shape).decode()


def read_document(shape: type[ShapeT], text: str) -> ShapeT:
    """The shape that `write_document` wrote. Members that the shape no longer has are ignored."""
    return cast(ShapeT, _struct_reader(shape)(msgspec.json.decode(text)))


@cache
def _struct_reader(shape: type) -> _Reader:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    fields = [(field.name, field.encode_name, _reader(field.type)) for field in described.fields]

    def read(value: object) -> object:
        document = cast(dict[str, object], value)
        return shape(
            **{
                name: document[wire] if reader is None else reader(document[wire])
                for name, wire, reader in fields
                if wire in document
            }
        )

    return read


def _reader(described: inspect.Type) -> _Reader | None:
    """How to read a member; None when JSON's own value is the member's value."""
    if isinstance(described, inspect.Metadata):
        return _reader(described.type)
    if isinstance(described, inspect.UnionType):
        present = [part for part in described.types if not isinstance(part, inspect.NoneType)]
        assert len(present) == 1, "a member of the model has one type"
        return _reader(present[0])
    if isinstance(described, inspect.StructType):
        return _struct_reader(described.cls)
    if isinstance(described, inspect.ListType):
        return _list_reader(_reader(described.item_type))
    if isinstance(described, inspect.DictType):
        return _map_reader(_reader(described.value_type))
    assert not isinstance(described, inspect.BytesType), "a blob is not kept in a document"
    return None


def _list_reader(item: _Reader | None) -> _Reader | None:
    if item is None:
        return None
    return lambda value: [item(each) for each in cast(list[object], value)]


def _map_reader(item: _Reader | None) -> _Reader | None:
    if item is None:
        return None
    return lambda value: {key: item(each) for key, each in cast(dict[str, object], value).items()}
