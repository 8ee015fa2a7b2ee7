"""Tags as a mapping, from the list form that most resource types take, or from a resource's properties."""

from poolhouse.stacks.template import JsonValue, Tree


def tag_map(value: JsonValue) -> dict[str, JsonValue]:
    """`[{Key: a, Value: b}]` as `{a: b}`; the last of a repeated key wins."""
    tags: dict[str, JsonValue] = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            tags[str(item.get("Key"))] = item.get("Value")
    return tags


def tags_of(properties: Tree) -> dict[str, JsonValue]:
    """The tags that a resource's properties give it."""
    given = properties.get("UserPoolTags") or properties.get("Tags")
    return dict(given) if isinstance(given, dict) else tag_map(given)
