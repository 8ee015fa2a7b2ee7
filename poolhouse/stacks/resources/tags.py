"""Tags in their list form, which most resource types take, as a mapping."""

from poolhouse.stacks.template import JsonValue


def tag_map(value: JsonValue) -> dict[str, JsonValue]:
    """`[{Key: a, Value: b}]` as `{a: b}`; the last of a repeated key wins."""
    tags: dict[str, JsonValue] = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            tags[str(item.get("Key"))] = item.get("Value")
    return tags
