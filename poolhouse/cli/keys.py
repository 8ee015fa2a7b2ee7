"""`poolhouse keys …`: the master key, data keys, signing keys of pools, and access keys for programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from poolhouse.cli.options import FILE, Section, output_option, pool_option, state_option
from poolhouse.cli.terminal import Output, Paint, Terminal, paint

if TYPE_CHECKING:
    from poolhouse.cli.installation import Installation


@click.group(cls=Section)
def keys() -> None:
    """Make and rotate keys; issue access keys."""


@keys.group(cls=Section)
def access() -> None:
    """Access keys, with which programs sign admin operations."""


@keys.command(examples=("--file master.key",))
@click.option("--file", type=FILE, metavar="PATH", help="Write it to a new file that only you can read.")
@output_option
def generate(file: Path | None, output: Output) -> None:
    """Make a new master key and print it (or write it to a file)."""
    from poolhouse.cli.failures import Refused
    from poolhouse.crypto.master_key import MasterKey, from_file_or_new

    terminal = Terminal(output)
    if file is None:
        key = MasterKey.generate()
        terminal.document({"master_key": key.text(), "key_id": key.key_id})
        terminal.line(key.text())
        return
    if file.exists():
        raise Refused(f"{file} exists already; choose another path, a key is never overwritten")
    key = from_file_or_new(file)
    terminal.document({"file": str(file), "key_id": key.key_id})
    terminal.line(f"master key {key.key_id} written to {file}; keep a copy where this machine cannot lose it")


@keys.command("rotate-master", examples=("--new-key-file new.key",))
@click.option("--new-key-file", type=FILE, metavar="PATH", help="The file with the new master key.")
@state_option
@output_option
def rotate_master(new_key_file: Path | None, state: Path | None, output: Output) -> None:
    """Protect the database with another master key. Nobody is signed out.

    The new key comes from --new-key-file or from the variable POOLHOUSE_NEW_MASTER_KEY. Running servers go on.
    Give them the new key now, for whatever starts again needs it, and restart all of them before `keys rotate-data`:
    one that still has the old master key cannot read what a new data key seals.
    """
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.key_rotation import new_master_key, rewrap

    new_master = new_master_key(new_key_file)
    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        changed = await rewrap(installation.services, new_master)
        terminal.document({"key_id": new_master.key_id, "data_keys": changed})
        terminal.line(f"the database now needs master key {new_master.key_id} ({changed} data keys rewrapped)")
        terminal.line("configure every server and command with it; the old key opens nothing any more but old backups")
        terminal.line("restart every server before the next `keys rotate-data`, which needs the new key everywhere")

    run(with_installation(state, errand))


@keys.command("rotate-data", examples=("",))
@state_option
@output_option
def rotate_data(state: Path | None, output: Output) -> None:
    """Seal with a new data key from now on. What older ones have sealed stays readable, nobody is signed out.

    After `keys rotate-master`, restart every server with the new master key first.
    """
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.key_rotation import add_data_key

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        key_id = await add_data_key(installation.services, installation.config)
        terminal.document({"data_key": key_id})
        terminal.line(f"new data key {key_id} seals from now on, on running servers too")

    run(with_installation(state, errand))


@keys.command("rotate-signing", examples=("--pool eu-west-1_EXAMPLE12",))
@pool_option
@state_option
@output_option
def rotate_signing(pool: str | None, state: Path | None, output: Output) -> None:
    """Sign a pool's tokens with new keys from now on. The old ones stay published while their tokens live."""
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.user_requests import choose_pool
    from poolhouse.userpools.signing import rotate_pool_keys

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        pool_id = await choose_pool(installation, pool)
        await rotate_pool_keys(installation.call(), pool_id)
        terminal.document({"pool_id": pool_id})
        terminal.line(f"{pool_id} signs with new keys; nobody is signed out")

    run(with_installation(state, errand))


@access.command(examples=("admin", "reader --policy policy.json --output json"))
@click.argument("name", default="admin")
@click.option("--policy", type=FILE, metavar="PATH", help="A file with an IAM policy (default: everything is allowed).")
@state_option
@output_option
def create(name: str, policy: Path | None, state: Path | None, output: Output) -> None:
    """Issue an access key. Its secret is shown this once."""
    from poolhouse.access.policy import FULL_ACCESS
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.key_rotation import access_keys, read_policy

    terminal = Terminal(output)
    document = FULL_ACCESS if policy is None else read_policy(policy)

    async def errand(installation: "Installation") -> None:
        issued = await access_keys(installation.services).create(name, document)
        terminal.document(
            {"AccessKeyId": issued.key_id, "SecretAccessKey": issued.secret, "Principal": issued.principal}
        )
        terminal.line(f"AWS_ACCESS_KEY_ID={issued.key_id}")
        terminal.line(f"AWS_SECRET_ACCESS_KEY={issued.secret}")
        terminal.line(paint("the secret is not shown again", Paint.DIM))

    run(with_installation(state, errand))


@access.command("list", examples=("",))
@state_option
@output_option
def list_keys(state: Path | None, output: Output) -> None:
    """List access keys, without their secrets."""
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.key_rotation import all_access_keys, moment

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        rows = await all_access_keys(installation.services)
        terminal.document(
            [
                {
                    "AccessKeyId": row.key_id,
                    "Principal": row.principal,
                    "Status": "Active" if row.disabled_at is None else "Inactive",
                    "CreateDate": moment(row.created_at),
                    "DisableDate": None if row.disabled_at is None else moment(row.disabled_at),
                }
                for row in rows
            ]
        )
        terminal.table(
            ("Access key", "For", "Created", "Disabled"),
            (
                (row.key_id, row.principal, moment(row.created_at), moment(row.disabled_at) if row.disabled_at else "")
                for row in rows
            ),
        )

    run(with_installation(state, errand))


@access.command(examples=("AKIAEXAMPLE",))
@click.argument("key_id", metavar="KEY")
@state_option
@output_option
def disable(key_id: str, state: Path | None, output: Output) -> None:
    """Refuse an access key from now on, on every server within a second."""
    from poolhouse.cli.installation import run, with_installation
    from poolhouse.cli.key_rotation import access_keys

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        await access_keys(installation.services).disable(key_id)
        terminal.document({"AccessKeyId": key_id, "Status": "Inactive"})
        terminal.line(f"{key_id} is refused from now on")

    run(with_installation(state, errand))
