"""Generate poolhouse/model/*_model.py from the service models that botocore ships.

python tools/generate_model.py            write the modules
python tools/generate_model.py --check    fail, naming the modules, if what is written differs
"""

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import keyword
import re
import sys
from pathlib import Path
from typing import NotRequired, TypedDict

from java_pattern import translate

TARGET = Path(__file__).resolve().parent.parent / "poolhouse" / "model"
SERVICES = {"cognito-idp": "2016-04-18", "cognito-identity": "2014-06-30", "sts": "2011-06-15"}

# Which error a constraint violation becomes, and where it is defined (operations.md VALID; identity-pools.md).
VALIDATION_ERROR = {
    "cognito-idp": "InvalidParameterException",
    "cognito-identity": "ValidationException",
    "sts": "ValidationError",
}
# Sensitive in the model, yet the service prints the value in its validation report (boto/boto3#3581). Not a secret.
NOT_SENSITIVE = {"ClientIdType"}
# Not marked in the model, and the service prints them in a report, but our own repr must not.
SECRET = {
    "ConfirmationCodeType",
    "PreSignedUrlType",
    "ProviderDetailsType",
    "SessionTokenString",
    "accessKeySecretType",
    "tokenCodeType",
    "tokenType",
}
RESERVED = {"Annotated", "Literal", "Meta", "Shape", "Operation", "Service", "ServiceError", "Timestamp"}


class Ref(TypedDict):
    shape: str


class ShapeModel(TypedDict):
    type: str
    members: NotRequired[dict[str, Ref]]
    required: NotRequired[list[str]]
    member: NotRequired[Ref]
    key: NotRequired[Ref]
    value: NotRequired[Ref]
    enum: NotRequired[list[str]]
    pattern: NotRequired[str]
    min: NotRequired[int]
    max: NotRequired[int]
    sensitive: NotRequired[bool]
    document: NotRequired[bool]
    exception: NotRequired[bool]
    fault: NotRequired[bool]
    error: NotRequired[dict[str, object]]


class OperationModel(TypedDict):
    name: str
    input: Ref
    output: NotRequired[Ref]
    errors: NotRequired[list[Ref]]
    authtype: NotRequired[str]


class ServiceModel(TypedDict):
    metadata: dict[str, str]
    operations: dict[str, OperationModel]
    shapes: dict[str, ShapeModel]


def snake_case(wire: str) -> str:
    """UserPoolId → user_pool_id, CallbackURLs → callback_urls, AllowedOAuthFlows → allowed_oauth_flows."""
    name = wire.replace("OAuth", "Oauth")
    name = re.sub(
        r"([A-Z]+)s(?=[A-Z]|$)", lambda m: m.group(1).capitalize() + "s" if len(m.group(1)) > 1 else m.group(), name
    )
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


class Generator:
    """Writes one service's module, line by line."""

    def __init__(self, service: str, model: ServiceModel) -> None:
        self.service = service
        self.model = model
        self.shapes = model["shapes"]
        self.imports: set[str] = set()
        self.wire_names: dict[str, str] = {}

    def run(self) -> str:
        body = [
            *self.exceptions(),
            *self.scalars(),
            *self.structures(),
            *self.tables(),
        ]
        return "\n".join([*self.header(), *body]) + "\n"

    # -- types -----------------------------------------------------------------------------------------------------

    def scalar(self, name: str, shape: ShapeModel) -> str:
        """The Python type of a string, number, boolean, blob or timestamp, with its constraints."""
        kind = shape["type"]
        if kind == "timestamp":
            self.imports.add("Timestamp")
            return "Timestamp"
        if kind == "boolean":
            return "bool"
        if "enum" in shape:
            return f"Literal[{', '.join(json.dumps(value) for value in shape['enum'])}]"
        if kind in ("integer", "long"):
            return self.integer(shape)
        return annotated({"string": "str", "blob": "bytes"}[kind], length(shape), text_extra(name, shape))

    def integer(self, shape: ShapeModel) -> str:
        is_long = shape["type"] == "long"
        if "min" not in shape and "max" not in shape:
            alias = "Long" if is_long else "Integer"
            self.imports.add(alias)
            return alias
        bits = 64 if is_long else 32
        low, high = shape.get("min", -(2 ** (bits - 1))), shape.get("max", 2 ** (bits - 1) - 1)
        return annotated("int", [f"ge={low}", f"le={high}"], {"bits": 64} if is_long else {})

    def reference(self, name: str) -> str:
        """How a member of shape `name` is annotated."""
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            if shape.get("document"):
                self.imports.add("Document")
                return "Document"
            if shape.get("sensitive"):
                self.imports.add("SENSITIVE")
                return f"Annotated[{name}, SENSITIVE]"
            return name
        if kind == "list":
            return annotated(f"list[{self.reference(shape['member']['shape'])}]", length(shape), marks(name, shape))
        if kind == "map":
            key, value = self.reference(shape["key"]["shape"]), self.reference(shape["value"]["shape"])
            return annotated(f"dict[{key}, {value}]", length(shape), marks(name, shape))
        written = self.scalar(name, shape)
        return name if "[" in written else written

    # -- sections --------------------------------------------------------------------------------------------------

    def header(self) -> list[str]:
        """Written last, because the sections decide what it imports."""
        metadata = self.model["metadata"]
        error = VALIDATION_ERROR[self.service]
        errors = ["ServiceError"] + ([error] if error not in self.shapes else [])
        return [
            f'"""The {self.service} service model, API version {metadata["apiVersion"]}.',
            "",
            "Generated by tools/generate_model.py; do not edit. Imports nothing but the shapes' base.",
            '"""',
            "",
            "from __future__ import annotations",
            "",
            "from typing import Annotated, Literal",
            "",
            "from msgspec import Meta",
            "",
            f"from poolhouse.model.errors import {', '.join(sorted(errors))}",
            f"from poolhouse.model.shape import {', '.join(sorted(self.imports | {'Operation', 'Service', 'Shape'}))}",
        ]

    def exceptions(self) -> list[str]:
        lines: list[str] = []
        for name, shape in self.shapes.items():
            if shape.get("exception"):
                lines += ["", "", *self.exception(name, shape)]
        return lines

    def exception(self, name: str, shape: ShapeModel) -> list[str]:
        error = shape.get("error", {})
        lines = [f"class {name}(ServiceError):", f"    code = {json.dumps(error.get('code', name))}"]
        status = error.get("httpStatusCode", 500 if shape.get("fault") else 400)
        if status != 400:
            lines.append(f"    status = {status}")
        extra = [member for member in shape.get("members", {}) if member != "message"]
        if not extra:
            return lines
        parameters = "".join(f", {snake_case(member)}: str | None = None" for member in extra)
        lines += [
            "",
            f'    def __init__(self, message: str = "", *{parameters}) -> None:',
            "        super().__init__(message)",
        ]
        lines += [f"        self.{snake_case(member)} = {snake_case(member)}" for member in extra]
        pairs = ", ".join(f"{json.dumps(member)}: self.{snake_case(member)}" for member in extra)
        lines += [
            "",
            "    def members(self) -> dict[str, str]:",
            f"        present = {{{pairs}}}",
            "        return {name: value for name, value in present.items() if value is not None}",
        ]
        return lines

    def scalars(self) -> list[str]:
        lines = ["", ""]
        for name, shape in self.shapes.items():
            if shape["type"] in ("structure", "list", "map"):
                continue
            written = self.scalar(name, shape)
            if "[" in written:
                lines.append(f"{name} = {written}")
        return lines

    def structures(self) -> list[str]:
        lines: list[str] = []
        for name, shape in self.shapes.items():
            if shape["type"] == "structure" and not shape.get("exception") and not shape.get("document"):
                lines += ["", "", *self.structure(name, shape)]
        names = [
            f"    {json.dumps(attribute)}: {json.dumps(wire)}," for attribute, wire in sorted(self.wire_names.items())
        ]
        base = f"class _{class_name(self.service)}Shape(Shape, frozen=True, rename=_WIRE_NAMES):"
        return ["", "_WIRE_NAMES = {", *names, "}", "", "", base, "    pass", *lines]

    def structure(self, name: str, shape: ShapeModel) -> list[str]:
        if name in RESERVED:
            raise SystemExit(f"{self.service}: the shape {name} hides a name that the module needs")
        required = set(shape.get("required", []))
        fields, renamed = [], {}
        for wire, ref in shape.get("members", {}).items():
            attribute = snake_case(wire)
            if self.wire_names.setdefault(attribute, wire) != wire:
                renamed[attribute] = wire
            annotation = self.reference(ref["shape"])
            fields.append(f"    {attribute}: {annotation}" + ("" if wire in required else " | None = None"))
        # A class's own mapping replaces its base's, so it must hold both.
        rename = f", rename=_WIRE_NAMES | {json.dumps(renamed)}" if renamed else ""
        return [
            f"class {name}(_{class_name(self.service)}Shape, frozen=True, kw_only=True{rename}):",
            *(fields or ["    pass"]),
        ]

    def auth(self, operation: OperationModel) -> str:
        if operation.get("authtype") != "none":
            return "sigv4"
        # "token" also where the access token may be replaced by a challenge session: the operation reads both.
        return "token" if "AccessToken" in self.shapes[operation["input"]["shape"]].get("members", {}) else "none"

    def tables(self) -> list[str]:
        metadata = self.model["metadata"]
        lines = [
            "",
            "",
            "SERVICE = Service(",
            f"    name={json.dumps(self.service)},",
            f"    api_version={json.dumps(metadata['apiVersion'])},",
            f"    protocol={json.dumps(metadata['protocol'])},",
            f"    target_prefix={json.dumps(metadata.get('targetPrefix', ''))},",
            f"    xml_namespace={json.dumps(metadata.get('xmlNamespace', ''))},",
            f"    validation_error={VALIDATION_ERROR[self.service]},",
            ")",
            "",
            "OPERATIONS: dict[str, Operation] = {",
        ]
        for name, operation in self.model["operations"].items():
            output = operation["output"]["shape"] if "output" in operation else "None"
            errors = "".join(f"{ref['shape']}, " for ref in operation.get("errors", []))
            lines += [
                f"    {json.dumps(name)}: Operation(",
                f"        {json.dumps(name)},",
                f"        {json.dumps(self.service)},",
                f"        {operation['input']['shape']},",
                f"        {output},",
                f"        {json.dumps(self.auth(operation))},",
                f"        ({errors.rstrip() if errors.count(',') == 1 else errors.rstrip(', ')}),",
                "    ),",
            ]
        return [*lines, "}"]


def class_name(service: str) -> str:
    return "".join(part.capitalize() for part in service.split("-"))


def length(shape: ShapeModel) -> list[str]:
    return [f"{bound}_length={shape[key]}" for bound, key in (("min", "min"), ("max", "max")) if key in shape]  # type: ignore[literal-required]


def marks(name: str, shape: ShapeModel) -> dict[str, object]:
    if shape.get("sensitive") and name not in NOT_SENSITIVE:
        return {"sensitive": True}
    return {"secret": True} if name in SECRET else {}


def text_extra(name: str, shape: ShapeModel) -> dict[str, object]:
    extra = marks(name, shape)
    if "pattern" in shape:
        extra["pattern"] = shape["pattern"]
    return extra


def annotated(base: str, arguments: list[str], extra: dict[str, object]) -> str:
    """`base` alone if nothing constrains or marks it; the pattern of `extra` becomes a constraint too."""
    arguments = list(arguments)
    pattern = extra.get("pattern")
    if isinstance(pattern, str) and (full := translate(pattern)) is not None:
        # Compiling the Unicode classes would take most of a server's start. Decoding asks the Latin-1 part only;
        # what it refuses, validation.py asks the full pattern.
        latin = translate(pattern, ceiling=0xFF)
        arguments.append(f"pattern={latin!r}")
        if latin != full:
            extra = {**extra, "full": full}
    if extra:
        arguments.append(f"extra={extra!r}")
    return f"Annotated[{base}, Meta({', '.join(arguments)})]" if arguments else base


def load(service: str) -> ServiceModel:
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise SystemExit("botocore is not installed; it comes with the development dependencies")
    folder = Path(spec.origin).parent / "data" / service / SERVICES[service]
    model: ServiceModel = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    return model


def generate() -> dict[Path, str]:
    """Every module's path and text."""
    return {
        TARGET / f"{service.replace('-', '_')}_model.py": Generator(service, load(service)).run()
        for service in SERVICES
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a module differs")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in generate().items() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        if not check:
            path.write_text(text, "utf-8")
        print(
            f"{path.name}: {'differs from botocore ' + importlib.metadata.version('botocore') if check else 'written'}"
        )
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
