"""`poolhouse users …`: the administrator's operations on users, one command each.

Thin: builds the operation's request, calls it as the operator, shows its answer.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poolhouse.cli.options import Number, Section, output_option, pool_option, state_option, yes_option
from poolhouse.cli.terminal import Output, Terminal

if TYPE_CHECKING:
    from poolhouse.call import Call
    from poolhouse.cli.installation import Installation
    from poolhouse.model.shape import Shape

T = TypeVar("T")
_user = click.argument("user")


@click.group(cls=Section)
def users() -> None:
    """Create, find, disable and sign out users."""


@users.command(examples=("you@example.com", "ann --email ann@example.com -a name=Ann", "you@example.com --resend"))
@_user
@click.option("--email", metavar="ADDRESS", help="The e-mail address; it counts as verified.")
@click.option("--phone", metavar="NUMBER", help="The phone number (+4912345678); it counts as verified.")
@click.option("--attribute", "-a", multiple=True, metavar="NAME=VALUE", help="Another attribute; may be repeated.")
@click.option("--temporary-password", metavar="TEXT", help="The temporary password (default: drawn at random).")
@click.option("--suppress", is_flag=True, help="Send no invitation.")
@click.option("--resend", is_flag=True, help="Invite an existing user again.")
@click.option("--sms", is_flag=True, help="Send the invitation by SMS (default: by e-mail, where there is an address).")
@pool_option
@state_option
@output_option
def create(
    user: str,
    email: str | None,
    phone: str | None,
    attribute: tuple[str, ...],
    temporary_password: str | None,
    suppress: bool,
    resend: bool,
    sms: bool,
    pool: str | None,
    state: Path | None,
    output: Output,
) -> None:
    """Create a user and send the invitation with a temporary password."""
    from poolhouse.cli.failures import Refused
    from poolhouse.cli.user_requests import created, creation
    from poolhouse.userpools.operations.admin_create_user import admin_create_user

    if suppress and resend:
        raise Refused("--suppress sends no invitation and --resend sends one: give one of them")
    terminal = Terminal(output)

    async def errand(installation: "Installation", pool_id: str) -> None:
        request = creation(
            pool_id,
            user,
            email=email,
            phone=phone,
            attributes=attribute,
            temporary_password=temporary_password,
            action="SUPPRESS" if suppress else "RESEND" if resend else None,
            by_sms=sms,
        )
        answer = await installation.ask(admin_create_user, request)
        terminal.document(answer)
        if answer.user is not None:
            terminal.line(f"{user} {created(request, answer.user)} ({answer.user.username})")

    _run(state, pool, errand)


@users.command("list", examples=("", "--filter 'email ^= \"a\"' --output json"))
@click.option("--filter", "query", metavar="FILTER", help="As ListUsers takes it: 'email ^= \"a\"'.")
@click.option(
    "--limit", cls=Number, type=click.IntRange(min=1), metavar="NUMBER", default=60, help="Users at most (default 60)."
)
@pool_option
@state_option
@output_option
def list_users(query: str | None, limit: int, pool: str | None, state: Path | None, output: Output) -> None:
    """List users."""
    from poolhouse.cli.user_requests import find_users, user_row

    terminal = Terminal(output)

    async def errand(installation: "Installation", pool_id: str) -> None:
        users, more = await find_users(installation, pool_id, query, limit)
        terminal.document({"Users": users, "More": more})
        terminal.table(("User", "E-mail", "Status", "Enabled", "Created"), map(user_row, users))
        noun = "user" if len(users) == 1 else "users"
        terminal.line(f"{len(users)} {noun}" + (f", and more: raise --limit above {limit}" if more else ""))

    _run(state, pool, errand)


@users.command(examples=("you@example.com",))
@_user
@pool_option
@state_option
@output_option
def show(user: str, pool: str | None, state: Path | None, output: Output) -> None:
    """Show a user with all attributes."""
    from poolhouse.cli.user_requests import facts_of
    from poolhouse.model.cognito_idp_model import AdminGetUserRequest
    from poolhouse.userpools.operations.admin_users import admin_get_user

    terminal = Terminal(output)

    async def errand(installation: "Installation", pool_id: str) -> None:
        request = AdminGetUserRequest(user_pool_id=pool_id, username=user)
        found = await installation.ask(admin_get_user, request)
        terminal.document(found)
        terminal.table(("", ""), facts_of(found))

    _run(state, pool, errand)


@users.command(examples=("you@example.com",))
@_user
@pool_option
@state_option
@output_option
def disable(user: str, pool: str | None, state: Path | None, output: Output) -> None:
    """Let a user sign in no more, and end all sessions at once."""
    from poolhouse.model.cognito_idp_model import AdminDisableUserRequest
    from poolhouse.userpools.operations.admin_users import admin_disable_user

    _act(state, pool, output, admin_disable_user, AdminDisableUserRequest, user, "disabled; every session has ended")


@users.command(examples=("you@example.com",))
@_user
@pool_option
@state_option
@output_option
def enable(user: str, pool: str | None, state: Path | None, output: Output) -> None:
    """Let a disabled user sign in again."""
    from poolhouse.model.cognito_idp_model import AdminEnableUserRequest
    from poolhouse.userpools.operations.admin_users import admin_enable_user

    _act(state, pool, output, admin_enable_user, AdminEnableUserRequest, user, "enabled")


@users.command("sign-out", examples=("you@example.com",))
@_user
@pool_option
@state_option
@output_option
def sign_out(user: str, pool: str | None, state: Path | None, output: Output) -> None:
    """End all sessions of a user; signing in again is possible."""
    from poolhouse.model.cognito_idp_model import AdminUserGlobalSignOutRequest
    from poolhouse.userpools.operations.admin_users import admin_user_global_sign_out

    _act(state, pool, output, admin_user_global_sign_out, AdminUserGlobalSignOutRequest, user, "signed out everywhere")


@users.command(examples=("you@example.com --yes",))
@_user
@yes_option
@pool_option
@state_option
@output_option
def delete(user: str, yes: bool, pool: str | None, state: Path | None, output: Output) -> None:
    """Delete a user for good."""
    from poolhouse.cli.asking import confirm
    from poolhouse.model.cognito_idp_model import AdminDeleteUserRequest
    from poolhouse.userpools.operations.admin_users import admin_delete_user

    confirm(f"Delete {user} for good?", yes=yes)
    _act(state, pool, output, admin_delete_user, AdminDeleteUserRequest, user, "deleted")


@users.command("set-password", examples=("you@example.com --temporary",))
@_user
@click.option("--temporary", is_flag=True, help="The user must choose another one at the next sign-in.")
@pool_option
@state_option
@output_option
def set_password(user: str, temporary: bool, pool: str | None, state: Path | None, output: Output) -> None:
    """Set a user's password, read from the terminal or from a line of standard input."""
    from poolhouse.cli.asking import read_secret
    from poolhouse.model.cognito_idp_model import AdminSetUserPasswordRequest
    from poolhouse.userpools.operations.admin_users import admin_set_user_password

    password = read_secret("Password")
    terminal = Terminal(output)

    async def errand(installation: "Installation", pool_id: str) -> None:
        request = AdminSetUserPasswordRequest(
            user_pool_id=pool_id, username=user, password=password, permanent=not temporary
        )
        await installation.ask(admin_set_user_password, request)
        terminal.document({"Username": user, "Permanent": not temporary})
        terminal.line(f"{user} has a new {'temporary ' if temporary else ''}password")

    _run(state, pool, errand)


def _act(
    state: Path | None,
    pool: str | None,
    output: Output,
    operation: "Callable[[Call, Any], Awaitable[Shape | None]]",
    request: "Callable[..., Shape]",
    user: str,
    done: str,
) -> None:
    """Call an operation whose request is a pool and a username."""
    terminal = Terminal(output)

    async def errand(installation: "Installation", pool_id: str) -> None:
        answer = await installation.ask(operation, request(user_pool_id=pool_id, username=user))
        terminal.document({} if answer is None else answer)
        terminal.line(f"{user} {done}")

    _run(state, pool, errand)


def _run(state: Path | None, pool: str | None, errand: "Callable[[Installation, str], Awaitable[T]]") -> T:
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.user_requests import choose_pool

    async def inside(installation: "Installation") -> T:
        return await errand(installation, await choose_pool(installation, pool))

    return run(with_installation(state, inside))
