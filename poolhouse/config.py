"""How an installation is configured: every option, its environment variable, its default and what it means.

The reference in docs/configuration.md is generated from here. Reads no file and no secret: the master key has its own
door (crypto/master_key.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

PREFIX = "POOLHOUSE_"

Port = Annotated[int, Meta(ge=0, le=65535)]


class BadConfiguration(Exception):
    """An option has a value that it cannot have; the text names the option and what it takes."""


def _doc(text: str) -> Meta:
    return Meta(description=text)


class Config(Struct, frozen=True, kw_only=True):
    """Every option. Each is set by the environment variable of its name with the prefix POOLHOUSE_."""

    mode: Annotated[
        Literal["development", "production"],
        _doc("`development` accepts any AWS credentials, shows an inbox and listens on loopback only."),
    ] = "production"
    state_dir: Annotated[Path, _doc("Where the SQLite database, the development keys and built functions lie.")] = Path(
        ".poolhouse"
    )
    database_url: Annotated[
        str, _doc("`postgresql://…` or `sqlite:///path`; empty means SQLite in the state folder.")
    ] = ""
    database_connections: Annotated[int, Meta(ge=1, le=200), _doc("PostgreSQL connections that each worker holds.")] = 8
    host: Annotated[str, _doc("The address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, _doc("The port of the service (the AWS endpoint, JWKS, inbox, health).")] = 9229
    gateway_port: Annotated[Port, _doc("The port of the API gateway.")] = 3000
    workers: Annotated[int, Meta(ge=1, le=64), _doc("Processes that serve; one uses one core.")] = 1
    public_url: Annotated[
        str,
        _doc("The URL under which clients reach the service; the issuer of tokens. Empty means from host and port."),
    ] = ""
    issuer: Annotated[
        Literal["public", "host", "aws"],
        _doc(
            "How `iss` is formed: from the public URL, from the host that was asked (behind a trusted proxy), or as "
            "AWS does. A pool's tag `poolhouse:issuer` overrides it."
        ),
    ] = "public"
    trusted_proxies: Annotated[
        list[str],
        _doc("Addresses or networks (CIDR) whose X-Forwarded-For, -Proto and -Host are believed, comma-separated."),
    ] = []
    region: Annotated[str, Meta(pattern=r"^[a-z]{2}-(gov-)?[a-z]+-[0-9]$"), _doc("The AWS region to be.")] = "eu-west-1"
    account_id: Annotated[str, Meta(pattern=r"^[0-9]{12}$"), _doc("The AWS account to be.")] = "000000000000"
    master_key_file: Annotated[str, _doc("The file that holds the master key (mode 0600).")] = ""
    master_key_command: Annotated[str, _doc("The command (of a KMS, say) that prints the master key.")] = ""
    tls: Annotated[bool, _doc("Serve HTTPS with a certificate of the development authority in the state folder.")] = (
        False
    )
    tls_certificate: Annotated[str, _doc("The certificate chain to serve HTTPS with (PEM).")] = ""
    tls_key: Annotated[str, _doc("The private key of the certificate (PEM).")] = ""
    gateway_mode: Annotated[
        Literal["session", "aws"],
        _doc(
            "`session`: a request passes only while its session is alive. "
            "`aws`: exact parity, tokens pass until they expire."
        ),
    ] = "session"
    function_limit: Annotated[int, Meta(ge=1, le=1000), _doc("Function sandboxes at once, in each worker.")] = 20
    smtp_host: Annotated[str, _doc("The mail server; empty means no e-mail leaves (development: the inbox).")] = ""
    smtp_port: Annotated[Port, _doc("The mail server's port.")] = 587
    smtp_security: Annotated[
        Literal["starttls", "tls", "starttls_if_offered", "none"],
        _doc("How the connection to the mail server is secured."),
    ] = "starttls"
    smtp_username: Annotated[str, _doc("The mail server's user; empty means no authentication.")] = ""
    smtp_password: Annotated[str, _doc("The mail server's password. Secret: give it by the environment.")] = ""
    smtp_sender: Annotated[str, _doc("The From address of every e-mail; empty means the pool's own.")] = ""
    sms_webhook_url: Annotated[str, _doc("Where SMS are posted to, as signed JSON; empty means no SMS leaves.")] = ""
    sms_webhook_secret: Annotated[str, _doc("The secret that signs the webhook's requests.")] = ""
    max_body: Annotated[int, Meta(ge=1024), _doc("Bytes of the longest request body of the service.")] = 1 << 20
    max_concurrency: Annotated[int, Meta(ge=1), _doc("Requests that one worker serves at once; more get 503.")] = 1000
    request_seconds: Annotated[float, Meta(gt=0), _doc("How long one operation may take.")] = 30.0
    grace_seconds: Annotated[float, Meta(ge=0), _doc("How long a stop waits for requests in flight.")] = 10.0
    audit_days: Annotated[int, Meta(ge=1), _doc("Days that audit events are kept.")] = 400
    log_format: Annotated[Literal["json", "text"], _doc("Log lines for machines or for people.")] = "json"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _doc("The least severe events logged.")] = "info"

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.state_dir / 'poolhouse.db'}"

    @property
    def base_url(self) -> str:
        """The public URL, the default filled in."""
        if self.public_url:
            return self.public_url.rstrip("/")
        scheme = "https" if self.tls or self.tls_certificate else "http"
        host = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else self.host  # noqa: S104  # a comparison
        return f"{scheme}://{host}:{self.port}"


def load_config(environment: Mapping[str, str], **overrides: object) -> Config:
    """The configuration of an environment; `overrides` that are not None win. Raises BadConfiguration."""
    values: dict[str, object] = {}
    for field in Config.__struct_fields__:
        text = environment.get(PREFIX + field.upper())
        if text is not None and text != "":
            values[field] = [part.strip() for part in text.split(",")] if field == "trusted_proxies" else text
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return msgspec.convert(values, Config, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise BadConfiguration(_explain(str(error))) from error


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError(kind)


def _explain(text: str) -> str:
    """`Expected … - at `$.port`` as a sentence that names the variable."""
    problem, _, place = text.partition(" - at `$.")
    name = place.rstrip("`").partition("[")[0]
    return f"{PREFIX}{name.upper()}: {problem[0].lower()}{problem[1:]} (see docs/configuration.md)"
