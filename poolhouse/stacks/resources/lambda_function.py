"""AWS::Lambda::Function: a function document for the functions room to run.

Owns the document's form, the limits that Lambda sets, and the check that somebody reaches the function.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.intrinsics import is_unknown
from poolhouse.stacks.resource import Context, Fragment, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.lambda_code import code_faults, code_folder, lay_out
from poolhouse.stacks.resources.tags import tag_map
from poolhouse.stacks.schema import TAGS, Choice, Entries, Items, Property, Scalar, Shape, Update
from poolhouse.stacks.template import Tree

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RUNTIME = re.compile(r"python3\.[0-9]+|nodejs[0-9]+\.x|provided(\.al2|\.al2023)?|go1\.x")
RUNTIMES = "python3.x, nodejs<n>.x, provided, provided.al2, provided.al2023, go1.x"
TIMEOUT = (1, 900)
MEMORY = (128, 10240)
MAX_ENVIRONMENT = 4096
_UNREACHING = frozenset({"AWS::Lambda::Permission", "AWS::IAM::Role", "AWS::Logs::LogGroup"})
"""Types that mention a function without ever calling it."""


def function_name(context: Context, properties: Tree) -> str:
    """The name in the template, or a generated one."""
    return str(properties.get("FunctionName") or context.generated_name(64))


class _Function(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        faults = code_faults(context, properties)
        name = properties.get("FunctionName")
        if name is not None and not is_unknown(name) and _NAME.fullmatch(str(name)) is None:
            advice = "use up to 64 letters, digits, - and _"
            faults.append(context.fault(f"{name} cannot be a function's name", "FunctionName", advice=advice))
        for key in ("Runtime", "Handler"):
            if not properties.get(key):
                faults.append(context.fault(f"AWS::Lambda::Function needs the property {key}"))
        runtime = properties.get("Runtime")
        if isinstance(runtime, str) and not is_unknown(runtime) and _RUNTIME.fullmatch(runtime) is None:
            advice = f"supported: {RUNTIMES}"
            faults.append(context.fault(f"the runtime {runtime} is not supported", "Runtime", advice=advice))
        for key, (low, high) in (("Timeout", TIMEOUT), ("MemorySize", MEMORY)):
            value = properties.get(key)
            if isinstance(value, int) and not low <= value <= high:
                faults.append(context.fault(f"{key} must be from {low} to {high}", key))
        if sum(len(key) + len(str(value)) for key, value in _environment(properties).items()) > MAX_ENVIRONMENT:
            faults.append(context.fault("the environment is larger than 4 KB", "Environment"))
        return faults

    async def create(self, context: Context, properties: Tree) -> Made:
        lay_out(context, properties)
        name = function_name(context, properties)
        place = context.place
        arn = f"arn:{place.partition}:lambda:{place.region}:{place.account_id}:function:{name}"
        return Made(name, {"Arn": arn})

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        return await self.create(context, properties)

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        properties = resource.properties
        tracing = properties.get("TracingConfig")
        document: Tree = {
            "name": resource.physical_id,
            "arn": resource.attributes["Arn"],
            "description": properties.get("Description") or "",
            "runtime": properties["Runtime"],
            "handler": properties["Handler"],
            "code_dir": code_folder(context, properties),
            "timeout": properties.get("Timeout") or 3,
            "memory_mb": properties.get("MemorySize") or 128,
            "reserved_concurrency": properties.get("ReservedConcurrentExecutions"),
            "role_arn": properties.get("Role") or "",
            "tracing": (tracing.get("Mode") if isinstance(tracing, dict) else None) or "PassThrough",
            "tags": tag_map(properties.get("Tags")),
        }
        environment: Tree = {"environment": _environment(properties)}
        return [Fragment("function", resource.physical_id, document, environment)]

    def folders(self, context: Context, resource: Resource) -> Sequence[str]:
        return (code_folder(context, resource.properties),)

    def review(self, context: Context, resource: Resource, others: Iterable[Resource]) -> Sequence[Fault]:
        faults = []
        if resource.properties.get("Runtime") == "go1.x":
            message = "AWS has retired the runtime go1.x; it runs here, but could no longer be deployed there"
            faults.append(context.fault(message, "Runtime", advice="use provided.al2023"))
        arn = re.compile(re.escape(str(resource.attributes["Arn"])) + r"(?![A-Za-z0-9_-])")
        if not any(
            other.type not in _UNREACHING
            and other.logical_id != resource.logical_id
            and arn.search(msgspec.json.encode(other.properties).decode())
            for other in others
        ):
            message = f"no route reaches {resource.logical_id}"
            advice = "give it an event of Type: Api, or call it through the Lambda API"
            faults.append(Fault(("Resources", resource.logical_id), message, advice))
        return faults


def _environment(properties: Tree) -> Tree:
    environment = properties.get("Environment")
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    return variables if isinstance(variables, dict) else {}


_NOWHERE = "functions run as processes of this machine"

FUNCTION = ResourceType(
    name="AWS::Lambda::Function",
    properties={
        "FunctionName": Property(Scalar.TEXT, update=Update.REPLACE),
        "Description": Property(Scalar.TEXT),
        "Code": Property(Scalar.JSON, required=True),
        "Handler": Property(Scalar.TEXT),
        "Runtime": Property(Scalar.TEXT),
        "Role": Property(Scalar.TEXT, required=True),
        "Timeout": Property(Scalar.INTEGER),
        "MemorySize": Property(Scalar.INTEGER),
        "Environment": Property(Shape({"Variables": Entries(Scalar.TEXT)})),
        "ReservedConcurrentExecutions": Property(Scalar.INTEGER),
        "Tags": Property(TAGS),
        # Recorded, without a tracing daemon behind it.
        "TracingConfig": Property(Shape({"Mode": Choice(("Active", "PassThrough"))}, frozenset({"Mode"}))),
        "PackageType": Property(Choice(("Zip",))),
        "Architectures": Property(Items(Choice(("x86_64", "arm64"))), unheeded=_NOWHERE),
        "EphemeralStorage": Property(Scalar.DOCUMENT, unheeded=_NOWHERE),
        "Layers": Property(Items(Scalar.TEXT), unheeded="put the layers' files into the code folder"),
        "VpcConfig": Property(Scalar.DOCUMENT, unheeded=_NOWHERE),
        "FileSystemConfigs": Property(Items(Scalar.DOCUMENT), unheeded=_NOWHERE),
        "KmsKeyArn": Property(Scalar.TEXT, unheeded="the environment is sealed with the master key"),
        "DeadLetterConfig": Property(Scalar.DOCUMENT, unheeded="failed events are in the log"),
        "SnapStart": Property(Scalar.DOCUMENT, unheeded=_NOWHERE),
        "LoggingConfig": Property(Scalar.DOCUMENT, unheeded="functions log to the server's own log"),
        "RuntimeManagementConfig": Property(Scalar.DOCUMENT, unheeded=_NOWHERE),
        "RecursiveLoop": Property(Scalar.TEXT, unheeded=_NOWHERE),
        "CodeSigningConfigArn": Property(Scalar.TEXT, unheeded=_NOWHERE),
    },
    handler=_Function(),
    attributes=frozenset({"Arn"}),
)
