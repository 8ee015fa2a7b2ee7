"""The doctor's checks: each looks at one thing and says what it found and what to do.

Changes nothing but what opening an installation does (a first start makes its key and schema).
"""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from poolhouse.cli.failures import Refused, explain
from poolhouse.cli.ports import HeldPort
from poolhouse.cli.record import find_config
from poolhouse.config import PREFIX, Config
from poolhouse.opening import find_master_key, open_keyring

Verdict = Literal["fine", "off", "wrong"]
CONNECT_SECONDS = 3.0


class Finding(Struct, frozen=True):
    """What a check found. `off`: works without, and `detail` says what does not."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""

    def document(self) -> dict[str, str]:
        """For scripts."""
        return {"check": self.name, "verdict": self.verdict, "detail": self.detail, "advice": self.advice}


async def examine(state: Path | None) -> list[Finding]:
    """Every check, in the order in which they build on one another."""
    findings = [_python(), _arithmetic(), *map(_tool, _TOOLS)]
    try:
        config = find_config(os.environ, state)
    except Exception as error:  # noqa: BLE001  # the boundary of a check: whatever stops it is its finding
        return [*findings, _failure("configuration", error)]
    findings.append(Finding("configuration", "fine", f"{config.mode}, region {config.region}"))
    findings.append(_folder(config))
    findings += await _database(config)
    findings += [await _port(config, config.port, "port"), await _port(config, config.gateway_port, "gateway port")]
    findings.append(await _mail(config))
    return findings


def _failure(name: str, error: Exception) -> Finding:
    told = explain(error) or f"{type(error).__name__}: {error}"
    detail, _, advice = told.partition("; ")
    return Finding(name, "wrong", detail, advice)


def _python() -> Finding:
    return Finding("python", "fine", f"{platform.python_version()} at {sys.executable}")


def _arithmetic() -> Finding:
    from poolhouse.crypto.modexp import powers

    name = powers().name
    if name == "python":
        advice = "use a Python whose OpenSSL library can be loaded, or install gmpy2"
        return Finding("arithmetic", "off", "Python's own: sign-ins take ten times as long", advice)
    return Finding("arithmetic", "fine", f"{name} for SRP")


_TOOLS = (
    ("node", "functions with a nodejs runtime do not run", "install Node.js 20 or newer"),
    ("go", "Go functions are not built from their sources", "install Go, or deploy built binaries"),
    ("chromium", "the browser tests do not run; nothing else needs it", "install Chromium"),
)


def _tool(tool: tuple[str, str, str]) -> Finding:
    name, without, advice = tool
    found = shutil.which(name)
    if found is None:
        return Finding(name, "off", without, advice)
    return Finding(name, "fine", found)


def _folder(config: Config) -> Finding:
    folder = config.state_dir
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("state", "wrong", f"{folder} cannot be written", "choose another folder with --state")
    return Finding("state", "fine", str(folder.absolute()) + ("" if folder.exists() else " (not made yet)"))


async def _database(config: Config) -> list[Finding]:
    """Whether the database answers, its schema fits, and the master key is its own."""
    from poolhouse.storage import open_database

    if not config.database_url and not (config.state_dir / "poolhouse.db").exists():
        return [Finding("database", "off", "none yet: the first start makes it"), _master_key(config)]
    try:
        database = await open_database(config.database, connections=1)
    except Exception as error:  # noqa: BLE001  # as in examine
        return [_failure("database", error), _master_key(config)]
    try:
        findings = [Finding("database", "fine", f"{database.dialect} answers, its schema is current")]
        try:
            master = find_master_key(config, os.environ)
            await open_keyring(database, master)
            findings.append(Finding("master key", "fine", f"{master.key_id} opens this database"))
        except Exception as error:  # noqa: BLE001  # as in examine
            findings.append(_failure("master key", error))
        return findings
    finally:
        await database.close()


def _master_key(config: Config) -> Finding:
    if config.mode == "development" and not (config.state_dir / "master.key").exists():
        return Finding("master key", "off", "none yet: the first start makes it")
    return _try("master key", lambda: f"{find_master_key(config, os.environ).key_id}")


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "fine", look())
    except Exception as error:  # noqa: BLE001  # as in examine
        return _failure(name, error)


async def _port(config: Config, port: int, name: str) -> Finding:
    try:
        HeldPort(config.host, port, f"{PREFIX}{name.replace(' ', '_').upper()}").release()
    except Refused as error:
        if await _answers_as_ours(config, port):
            return Finding(name, "fine", f"{port}, where Poolhouse is serving")
        return _failure(name, error)
    return Finding(name, "fine", f"{port} is free")


async def _answers_as_ours(config: Config, port: int) -> bool:
    """Whether a server of this kind is behind the port; over TLS it is enough that the note names it."""
    if config.base_url.startswith("https"):
        return False
    answer = await _exchange(
        config.host, port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    return b'{"status":' in answer or b"x-amzn-requestid" in answer.lower()


async def _exchange(host: str, port: int, request: bytes) -> bytes:
    """The beginning of what a server says; empty when it says nothing in time."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await reader.read(4096)
            finally:
                writer.close()
    return b""


async def _mail(config: Config) -> Finding:
    if not config.smtp_host:
        without = "no e-mail leaves" + (": the inbox shows it" if config.mode == "development" else "")
        return Finding("mail", "off", without, f"set {PREFIX}SMTP_HOST")
    place = f"{config.smtp_host}:{config.smtp_port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(config.smtp_host, config.smtp_port)
        writer.close()
    except (OSError, TimeoutError) as error:
        reason = str(error) or "no answer"
        return Finding("mail", "wrong", f"{place}: {reason}", f"check {PREFIX}SMTP_HOST and {PREFIX}SMTP_PORT")
    return Finding("mail", "fine", f"{place} accepts connections")
