"""Where a function's code lies: a local folder, or a folder laid out from the text in the template.

Owns the forms of the Code property. Knows nothing of runtimes but the name of the file that inline code becomes.
"""

import hashlib
import os
from pathlib import Path

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context
from poolhouse.stacks.template import JsonValue, Tree

MAX_INLINE = 4 * 1024 * 1024
"""CloudFormation's limit for ZipFile."""


def code_faults(context: Context, properties: Tree) -> list[Fault]:
    """What is wrong with the code's place; reads the file system."""
    code = properties.get("Code")
    if isinstance(code, str):
        return _folder_faults(context, code)
    if not isinstance(code, dict):
        return [context.fault("Code must be a folder's path or a mapping", "Code")]
    if "ZipFile" in code:
        return _inline_faults(context, properties, code["ZipFile"])
    what = "a container image" if "ImageUri" in code else "code in S3"
    return [context.fault(f"a function cannot run {what} here", "Code", advice="give a local folder as CodeUri")]


def _folder_faults(context: Context, text: str) -> list[Fault]:
    folder = Path(code_folder(context, {"Code": text}))
    if not _exists(folder):
        return [context.fault(f"the code folder {text} does not exist", "Code", advice=f"it is looked for at {folder}")]
    if not folder.is_dir():
        return [context.fault(f"the code {text} is not a folder", "Code", advice="give the folder that holds it")]
    if not os.access(folder, os.R_OK | os.X_OK):
        return [context.fault(f"the code folder {text} cannot be read", "Code", advice=f"check its mode: {folder}")]
    return []


def _exists(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:  # a name that no file system has, such as one of five thousand letters
        return False


def _inline_faults(context: Context, properties: Tree, text: JsonValue) -> list[Fault]:
    if not isinstance(text, str) or not text:
        return [context.fault("ZipFile must be the code's text", "Code", "ZipFile")]
    if len(text.encode()) > MAX_INLINE:
        return [context.fault("ZipFile is longer than 4 MB", "Code", "ZipFile")]
    if _file_name(properties) is None:
        message = f"the runtime {properties.get('Runtime')} takes no inline code"
        return [context.fault(message, "Code", advice="put the code into a folder")]
    if context.inline_base is None:
        return [context.fault("inline code needs a state folder", "Code", advice="put the code into a folder")]
    return []


def _file_name(properties: Tree) -> str | None:
    runtime = str(properties.get("Runtime"))
    return "index.py" if runtime.startswith("python") else "index.js" if runtime.startswith("nodejs") else None


def code_folder(context: Context, properties: Tree) -> str:
    """The absolute folder of a function's code, whether it is there or not."""
    code = properties.get("Code")
    if isinstance(code, str):
        # Not resolved: a folder that is a link to the current release keeps following it.
        return os.path.normpath(context.code_base / code)
    assert context.inline_base is not None, "code_faults refused it"
    return str(context.inline_base / hashlib.sha256(_inline(properties).encode()).hexdigest()[:32])


def _inline(properties: Tree) -> str:
    code = properties.get("Code")
    return str(code["ZipFile"]) if isinstance(code, dict) else ""


def lay_out(context: Context, properties: Tree) -> None:
    """Write inline code to its folder, whose name is its content's: repeating it changes nothing."""
    name = _file_name(properties)
    if isinstance(properties.get("Code"), str) or name is None:
        return
    folder = Path(code_folder(context, properties))
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.{os.getpid()}"
    draft.write_text(_inline(properties))
    draft.replace(folder / name)
