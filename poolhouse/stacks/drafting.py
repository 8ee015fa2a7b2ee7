"""From a template's text to a plan: parsing, parameters, transform, references, change set, outputs.

Owns everything of a deploy that happens before something is done. Touches no resource.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from poolhouse.call import Call
from poolhouse.stacks.changeset import ChangeSet, Planner
from poolhouse.stacks.errors import DeployRefused, Fault, Problem, TemplateInvalid, nearest
from poolhouse.stacks.errors import Path as TreePath
from poolhouse.stacks.intrinsics import evaluate, is_unknown, text_of
from poolhouse.stacks.parameters import resolve_parameters
from poolhouse.stacks.references import unresolved
from poolhouse.stacks.resource import Context, ResourceTypes
from poolhouse.stacks.sam import transform
from poolhouse.stacks.scope import Place, StackScope
from poolhouse.stacks.state import Output, StackState
from poolhouse.stacks.template import MAX_TEMPLATE_BYTES, JsonValue, Source, Template, parse_template

REVISION = "1"
"""Part of every digest: raise it when a release deploys the same template differently."""
REGION = "eu-west-1"


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What to deploy. `template_name` is how errors call the file; `code_base` is where local code paths start.

    `parameters` that are not given take the template's default, also where an earlier deploy gave another value.
    """

    stack_name: str
    template_text: str
    template_name: str
    code_base: Path
    account_id: str
    region: str = REGION
    parameters: Mapping[str, str] = field(default_factory=dict)
    allow_delete_pools: bool = False

    def digest(self, inline_base: Path | None) -> str:
        """A fingerprint of all that the outcome depends on, the code's contents left aside."""
        parts = (
            *(REVISION, self.stack_name, self.template_text, self.template_name, str(self.code_base.absolute())),
            *(self.account_id, self.region, str(inline_base), *sorted(self.parameters.items())),
        )
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Draft:
    """A deploy that can be carried out."""

    template: Template
    scope: StackScope
    changes: ChangeSet


def read_template(path: Path) -> str:
    """A template's text. Raises TemplateInvalid when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEMPLATE_BYTES + 1)
        return data.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TemplateInvalid([Problem(str(path), 0, f"cannot be read: {reason}", "check the path")]) from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TemplateInvalid([Problem(str(path), line, "this is not UTF-8", "save it as UTF-8")]) from None


def check_name(name: str) -> None:
    """Raise TemplateInvalid unless this can be a stack's name."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name) is None:
        problem = Problem(name, 0, "this cannot be a stack's name", "use letters, digits and -, a letter first")
        raise TemplateInvalid([problem])


async def draft(
    request: DeployRequest,
    place: Place,
    deployed: StackState | None,
    others: list[StackState],
    types: ResourceTypes,
    call: Call,
    inline_base: Path | None,
) -> Draft:
    """Plan a deploy. Raises TemplateInvalid with every fault found, or DeployRefused."""
    source_template = parse_template(request.template_text, request.template_name)
    parameters = resolve_parameters(source_template, request.parameters)
    exports = {name: value for other in others for name, value in other.exports().items()}
    scope = StackScope(source_template, parameters, place, exports)
    # The translator's import and work take most of a second: a server that deploys goes on answering.
    template = await asyncio.to_thread(transform, source_template, scope)
    if faults := unresolved(template, parameters.values, source_template):
        raise template.source.invalid(*faults)
    scope = StackScope(template, parameters, place, exports)
    if faults := scope.condition_faults():
        raise template.source.invalid(*faults)
    context = Context(call, place, request.code_base.absolute(), inline_base, "")
    before = deployed.resources if deployed else {}
    changes = Planner(scope, types, before, context).plan(allow_loss=request.allow_delete_pools)
    planned_outputs = outputs_of(template, scope)
    _check_exports(template.source, planned_outputs, deployed, others)
    return Draft(template, scope, changes)


_OUTPUT_KEYS = ("Value", "Description", "Export", "Condition")


def outputs_of(template: Template, scope: StackScope) -> dict[str, Output]:
    """The outputs whose condition holds. Raises TemplateInvalid."""
    outputs: dict[str, Output] = {}
    faults: list[Fault] = []
    for name, entry in template.section("Outputs").items():
        path: TreePath = ("Outputs", name)
        try:
            output = _output(name, entry, scope, path)
        except Fault as fault:
            faults.append(fault)
            continue
        if output is not None:
            outputs[name] = output
    if faults:
        raise template.source.invalid(*faults)
    return outputs


def _output(name: str, entry: JsonValue, scope: StackScope, path: TreePath) -> Output | None:
    """One output; None when its condition does not hold. Raises Fault."""
    if not isinstance(entry, dict) or "Value" not in entry:
        raise Fault(path, f"output {name} needs a Value")
    for key in entry:
        if key not in _OUTPUT_KEYS:
            raise Fault((*path, key), f"unknown attribute {key} of output {name}", nearest(key, _OUTPUT_KEYS))
    if "Condition" in entry and not scope.condition(str(entry["Condition"]), (*path, "Condition")):
        return None
    value = text_of(evaluate(entry["Value"], scope, (*path, "Value")), (*path, "Value"), f"output {name}")
    export = entry.get("Export")
    exported = evaluate(export.get("Name"), scope, (*path, "Export")) if isinstance(export, dict) else None
    return Output(value, str(entry.get("Description") or ""), None if exported is None else str(exported))


def _check_exports(
    source: Source, outputs: Mapping[str, Output], deployed: StackState | None, others: list[StackState]
) -> None:
    exported = {output.export_name: (name, output.value) for name, output in outputs.items() if output.export_name}
    problems = []
    for other in others:
        for taken in other.exports().keys() & exported.keys():
            path: TreePath = ("Outputs", exported[taken][0])
            problems.append(source.problem(Fault(path, f"stack {other.name} already exports {taken}", "rename it")))
    for name, value in (deployed.exports() if deployed else {}).items():
        users = [other.name for other in others if name in other.imports]
        _, new = exported.get(name, ("", None))
        if users and (new != value or is_unknown(new)):
            message = f"the export {name} would change or go, and stack {', '.join(users)} imports it"
            problems.append(source.problem(Fault(("Outputs",), message, "change the importing stack first")))
    if problems:
        raise DeployRefused(problems)
