"""Foreseeable failures as one line that says what to do next. Owns the wording and the exit codes.

Every exception class is imported only when there is something to explain: a command that works pays nothing.
"""

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells write it."""


_NEXT_STEPS = {
    "UserNotFoundException": " `poolhouse users list` shows those there are.",
    "AliasExistsException": " `poolhouse users create USER --resend` invites again.",
    "UsernameExistsException": " `poolhouse users create USER --resend` invites again.",
}
"""What the service's words leave open for somebody at this command line."""


_EXPLICITLY = "allow the deletion explicitly"
_ALLOWED_BY = "(--allow-delete-pools of `poolhouse deploy` and `delete`); another --stack or --state keeps both apart"
"""The deployer knows no command line; here is what its advice means at ours."""


class Refused(Exception):
    """The command line's own refusal; the text is the line."""


def explain(error: BaseException) -> str | None:
    """What to tell the operator, without a traceback; None for what nobody foresaw."""
    if isinstance(error, Refused):
        return str(error)
    return _installation(error) or _stack(error) or _service(error) or _file(error)


def _file(error: BaseException) -> str | None:
    """A file or folder that the system does not give us, wherever it was asked for."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path, and who may read and write there"
    return None


def _installation(error: BaseException) -> str | None:
    from poolhouse.access.principals import NotLoopback
    from poolhouse.app import PortInUse
    from poolhouse.config import BadConfiguration
    from poolhouse.crypto.keyring import DamagedDataKey, WrongMasterKey
    from poolhouse.crypto.master_key import MasterKeyUnusable
    from poolhouse.delivery.sender import MisconfiguredSender
    from poolhouse.storage import Incompatible, StorageError, Unavailable

    match error:
        case Unavailable():
            return f"{error}; check that the database runs, that POOLHOUSE_DATABASE_URL is right and its disk not full"
        case (
            BadConfiguration()
            | WrongMasterKey()
            | DamagedDataKey()
            | MasterKeyUnusable()
            | MisconfiguredSender()
            | NotLoopback()
            | PortInUse()
            | Incompatible()
            | StorageError()
        ):
            return str(error)
        case _:
            return None


def _stack(error: BaseException) -> str | None:
    from poolhouse.stacks.errors import StackBusy, StackError, StackNotFound

    match error:
        case StackNotFound():
            return f"{error}; `poolhouse describe` names those there are"
        case StackBusy():
            return f"{error}; wait for it to end, then try again"
        case StackError():
            return str(error).replace(_EXPLICITLY, f"{_EXPLICITLY} {_ALLOWED_BY}")
        case _:
            return None


def _service(error: BaseException) -> str | None:
    from poolhouse.access.keys import MalformedPrincipal, UnknownAccessKey
    from poolhouse.access.pattern import MalformedPolicy
    from poolhouse.model.errors import ServiceError

    match error:
        case ServiceError():
            said = f"{error.code}: {error.message.strip()}" if error.message else error.code
            return " ".join(said.splitlines()) + _NEXT_STEPS.get(error.code, "")
        case UnknownAccessKey():
            return f"{error}; `poolhouse keys access list` shows those there are"
        case MalformedPrincipal():
            return f"'{error}' cannot be a name: use 1 to 64 letters, digits and _+=,.@-"
        case MalformedPolicy():
            return f"the policy cannot be used: {error}"
        case _:
            return None
