"""The serverless transform: AWS::Serverless resources as plain CloudFormation, by aws-sam-translator.

Owns the only door to that library, which is imported here when a changed template is transformed and never else:
it costs most of a second. It is kept from AWS: no credentials, no network. Local code folders pass through it.
"""

import copy
import logging
import re
from collections.abc import Mapping

from poolhouse.stacks.errors import Fault, Path
from poolhouse.stacks.intrinsics import evaluate
from poolhouse.stacks.scope import StackScope
from poolhouse.stacks.template import SERVERLESS, JsonValue, Source, Template, Tree

LOCAL_BUCKET = "poolhouse-local-code"
"""Stands for the template's folder while the translator, which knows only S3, looks at a CodeUri."""
_UNDEFINED = re.compile(r"property (\w+) not defined")
_NOT_OFFLINE = {
    "AWS::Serverless::Application": "put its resources into this template",
    "AWS::Serverless::LayerVersion": "put the layer's files into the function's folder",
}


def transform(template: Template, scope: StackScope) -> Template:
    """The template without serverless resources; itself when it has none. Raises TemplateInvalid.

    `scope` gives parameters and region; it is not asked for resources.
    """
    faults = list(_before(template))
    if faults:
        raise template.source.invalid(*faults)
    if SERVERLESS not in template.transforms:
        return template
    tree = copy.deepcopy(template.tree)
    _hide_local_code(tree, template.source, scope)
    _place_authorizers(tree, template.source)
    translated = _translate(tree, scope, template.source)
    _show_local_code(translated, template.source)
    return Template(template.source, translated, template.transforms)


def _before(template: Template) -> list[Fault]:
    faults = []
    used = SERVERLESS in template.transforms
    if "Globals" in template.tree and not used:
        faults.append(Fault(("Globals",), "Globals need the serverless transform", f"add Transform: {SERVERLESS}"))
    for logical_id, resource in template.section("Resources").items():
        kind = str(resource["Type"]) if isinstance(resource, dict) else ""
        path: Path = ("Resources", logical_id, "Type")
        if kind.startswith("AWS::Serverless::") and not used:
            faults.append(Fault(path, f"{kind} needs the serverless transform", f"add Transform: {SERVERLESS}"))
        elif kind in _NOT_OFFLINE:
            faults.append(Fault(path, f"{kind} is not provided", _NOT_OFFLINE[kind]))
        elif kind == "AWS::Serverless::Api":
            faults += _default_authorizer_faults(template.tree, logical_id)
    return faults


def _default_authorizer_faults(tree: Tree, logical_id: str) -> list[Fault]:
    """A fault for a default authorizer where none is defined.

    DEVIATION: a DefaultAuthorizer without any Authorizers is refused; AWS's serverless transform ignores it, and the
    API is open.
    """
    auths: dict[Path, JsonValue] = {
        path: _inside(tree, *map(str, path))
        for path in (("Resources", logical_id, "Properties", "Auth"), ("Globals", "Api", "Auth"))
    }
    if any(_inside(auth, "Authorizers") for auth in auths.values() if isinstance(auth, dict)):
        return []
    message = f"{logical_id} has a DefaultAuthorizer, and no Authorizers: every route would be open"
    return [
        Fault((*path, "DefaultAuthorizer"), message, "define it under Authorizers")
        for path, auth in auths.items()
        if isinstance(auth, dict) and auth.get("DefaultAuthorizer") not in (None, "AWS_IAM", "NONE")
    ]


def _hide_local_code(tree: Tree, source: Source, scope: StackScope) -> None:
    """Write each local CodeUri as an S3 address that names the path."""
    places: list[tuple[Path, JsonValue]] = [(("Globals", "Function"), _inside(tree, "Globals", "Function"))]
    resources = tree["Resources"]
    assert isinstance(resources, dict), "parse_template checked it"
    for logical_id, resource in resources.items():
        if isinstance(resource, dict) and resource["Type"] == "AWS::Serverless::Function":
            path: Path = ("Resources", logical_id, "Properties")
            places.append((path, resource.get("Properties")))
            own = (*path, "CodeUri")
            source.point((*path, "Code"), own if _inside(resource, "Properties", "CodeUri") else _GLOBAL_CODE)
            if not _has_code(resource) and _inside(tree, *_GLOBAL_CODE) is None:
                advice = "for example CodeUri: app/foo/"
                raise source.invalid(Fault(path, f"{logical_id} needs the property CodeUri", advice))
    for path, properties in places:
        if isinstance(properties, dict) and "CodeUri" in properties:
            properties["CodeUri"] = _hidden(properties["CodeUri"], (*path, "CodeUri"), source, scope)


_GLOBAL_CODE = ("Globals", "Function", "CodeUri")


def _has_code(resource: Tree) -> bool:
    return any(_inside(resource, "Properties", name) is not None for name in ("CodeUri", "InlineCode", "ImageUri"))


def _hidden(value: JsonValue, path: Path, source: Source, scope: StackScope) -> JsonValue:
    if isinstance(value, dict) and ("Bucket" in value or "Key" in value):
        return value
    try:
        text = evaluate(value, scope, path)
    except Fault as fault:
        raise source.invalid(fault) from None
    if not isinstance(text, str) or not text.strip():
        raise source.invalid(Fault(path, "CodeUri must be a folder's path", "for example CodeUri: app/foo/"))
    return text if text.startswith("s3://") else {"Bucket": LOCAL_BUCKET, "Key": text}


def _place_authorizers(tree: Tree, source: Source) -> None:
    """Give the security definitions that the translator makes the lines of their authorizers."""
    resources = tree["Resources"]
    for logical_id in resources if isinstance(resources, dict) else ():
        base: Path = ("Resources", logical_id, "Properties")
        authorizers = _inside(tree, "Resources", logical_id, "Properties", "Auth", "Authorizers")
        for name in authorizers if isinstance(authorizers, dict) else ():
            source.point((*base, "Body", "securityDefinitions", name), (*base, "Auth", "Authorizers", name))


def _show_local_code(tree: Tree, source: Source) -> None:
    """Put the local paths back, as `Code: path`."""
    resources = tree["Resources"]
    assert isinstance(resources, dict), "the translator gives a template back"
    for resource in resources.values():
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        code = properties.get("Code") if isinstance(properties, dict) else None
        if isinstance(properties, dict) and isinstance(code, dict) and code.get("S3Bucket") == LOCAL_BUCKET:
            properties["Code"] = code.get("S3Key")


def _inside(tree: Tree, *keys: str) -> JsonValue:
    value: JsonValue = tree
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


class _Session:
    """What the translator asks of a boto3 session: the region, and nothing that needs AWS."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def _translate(tree: Tree, scope: StackScope, source: Source) -> Tree:
    # Imported here on purpose, see above.
    from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # It logs every error that it raises; the error itself is what the user sees.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    values: Mapping[str, JsonValue] = {
        **scope.parameters.as_text(),
        "AWS::Region": scope.place.region,
        "AWS::Partition": scope.place.partition,
        "AWS::AccountId": scope.place.account_id,
        "AWS::StackName": scope.place.stack_name,
    }
    translator = Translator(None, Parser(), boto_session=_Session(scope.place.region))
    try:
        translated: Tree = translator.translate(tree, dict(values))
    except InvalidDocumentException as error:
        raise source.invalid(*(_fault(cause, source) for cause in error.causes)) from None
    except ExceptionWithMessage as error:
        raise source.invalid(_fault(error, source)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The translator trips over shapes that it does not check; the user must still learn that it is the template.
        raise source.invalid(
            Fault(("Transform",), f"the serverless transform failed: {type(error).__name__}: {error}")
        ) from error
    return {str(name): _plain(part) for name, part in translated.items()}


def _plain(value: JsonValue) -> JsonValue:
    """The translator's own kinds of text, list and mapping as the plain ones: nobody else can write them down."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str) else value


def _fault(cause: object, source: Source) -> Fault:
    """The translator's complaint at the resource, or at the property of it that its text quotes."""
    message = str(getattr(cause, "message", cause))
    logical_id = getattr(cause, "_logical_id", None)
    if not isinstance(logical_id, str):
        return Fault(("Resources",), message)
    base: Path = ("Resources", logical_id, "Properties")
    text = message.split("is invalid.", 1)[-1].strip()
    quoted = message.replace("[", "'").replace("]", "'").split("'")[1::2]
    for word in (*quoted, *_UNDEFINED.findall(text)):
        event, path = (*base, "Events", word), (*base, *word.split("."))
        if source.has(event) or source.line(path) != source.line(base):
            return Fault(event if source.has(event) else path, f"{logical_id}: {text}")
    return Fault(("Resources", logical_id), f"{logical_id}: {text}")
