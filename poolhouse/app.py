"""The composition root: puts the rooms together into a running server, and takes it down again cleanly.

Everything that a server consists of is made here and nowhere else.
"""

import asyncio
import errno
import gc
import random
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from poolhouse.access.keys import AccessKeys
from poolhouse.access.principals import Authorizer, DevelopmentAuthorizer, SignatureAuthorizer, require_loopback
from poolhouse.config import Config
from poolhouse.crypto.modexp import powers
from poolhouse.delivery.inbox import Inbox
from poolhouse.delivery.message import Channel
from poolhouse.delivery.sender import Sender
from poolhouse.delivery.worker import OutboxWorker, WorkerSettings
from poolhouse.endpoint import Endpoint, Mount, log_crash, protocol_error
from poolhouse.hardening import shield_process
from poolhouse.http.limits import Limits
from poolhouse.http.server import Server
from poolhouse.janitor import tidy_forever
from poolhouse.opening import open_services
from poolhouse.services import Services
from poolhouse.serving import Serving
from poolhouse.storage.audit import AuditRow
from poolhouse.storage.database import Batch
from poolhouse.storage.outbox import OutboxRow
from poolhouse.telemetry.log import get_logger
from poolhouse.wire.proxies import TrustedProxies

log = get_logger(__name__)

GATEWAY_MAX_BODY = 10 << 20
"""contract/api-gateway.md §4."""
INBOX_ROWS = 1000
SWITCH_SECONDS = 0.001
"""How long a thread waits for the interpreter before it is asked for: SQLite's COMMIT is over before its answer is."""
GC_THRESHOLDS = (5_000, 20, 20)
"""A page of users alone makes more objects than Python's 700 allow before it looks for cycles, of which we make few."""


class App:
    """A running server: the service's port and the gateway's."""

    def __init__(self, config: Config, services: Services, listening: "Listening", clock: Callable[[], float]) -> None:
        self.config = config
        self._listening = listening
        self.services = services
        self._clock = clock
        self._chance = random.SystemRandom()
        self._proxies = TrustedProxies(_trusted(config))
        self.serving = Serving(config, services, self._proxies, clock)
        self._worker = OutboxWorker(
            services.database,
            services.keyring,
            services.outbox,
            _senders(config, clock),
            clock=clock,
            chance=self._chance.random,
            settings=_worker_settings(config),
            on_failed=self._audit_failure,
        )
        self._tls = _tls_context(config)
        limits = Limits(max_body=config.max_body, max_concurrency=config.max_concurrency)
        self._endpoint = Server(
            self._make_endpoint().handle, limits, tls=self._tls, on_error=protocol_error, on_crash=log_crash
        )
        gateway_limits = Limits(max_body=GATEWAY_MAX_BODY, max_concurrency=config.max_concurrency)
        self._gateway = Server(
            self.serving.gateway.handle,
            gateway_limits,
            tls=self._tls,
            on_error=self.serving.gateway.protocol_error,
            on_crash=log_crash,
        )
        self._janitor: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The service's port."""
        return self._endpoint.port

    @property
    def gateway_port(self) -> int:
        """The gateway's port."""
        return self._gateway.port

    async def start(self) -> None:
        """Load what is deployed, then accept requests."""
        shield_process()
        powers()  # binds and checks the arithmetic now, not in the first sign-in
        await self.serving.start()
        self._worker.start()
        self._janitor = asyncio.create_task(
            tidy_forever(self.services.database, self._clock, self._chance, self.config.audit_days)
        )
        await self._endpoint.listen_socket(self._listening.endpoint)
        await self._gateway.listen_socket(self._listening.gateway)
        # What is loaded by now stays: a full collection need not walk through it again, which would hold up requests.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_SECONDS)
        log.info("listening", host=self.config.host, port=self.port, gateway_port=self.gateway_port)

    async def stop(self) -> None:
        """Accept nothing more, finish what is in flight, let everything go."""
        grace = self.config.grace_seconds
        await asyncio.gather(self._endpoint.stop(grace), self._gateway.stop(grace))
        if self._janitor is not None:
            self._janitor.cancel()
            await asyncio.gather(self._janitor, return_exceptions=True)
        await self._worker.stop(grace)
        await self.serving.stop()
        await self.services.database.close()
        log.info("stopped")

    def _make_endpoint(self) -> Endpoint:
        authorizer = self._authorizer()
        mounts: tuple[Mount, ...] = (self.serving.invoke_api(authorizer),)
        if self.config.mode == "development":
            mounts = (Inbox(self.services.database, self.services.keyring), *mounts)
        return Endpoint(
            self.services,
            authorizer,
            self._proxies,
            clock=self._clock,
            chance=self._chance,
            time_limit=self.config.request_seconds,
            gateway=self.serving.gateway.handle,
            mounts=mounts,
        )

    def _authorizer(self) -> Authorizer:
        """Who may call what is signed: anyone in development, holders of our access keys in production."""
        if self.config.mode == "development":
            return DevelopmentAuthorizer(account_id=self.config.account_id)
        keys = AccessKeys(
            self.services.database, self.services.keyring, clock=self._clock, random=self._chance.randbytes
        )
        return SignatureAuthorizer(
            keys,
            account_id=self.config.account_id,
            regions=frozenset({self.config.region}),
            clock=self._clock,
            client_address=self._proxies.client_address,
        )

    def _audit_failure(self, batch: Batch, row: OutboxRow, kind: str) -> None:
        self.services.store.audit.add(
            batch,
            AuditRow(
                pool_id=row.pool_id,
                event_id=f"{int(self._clock() * 1000):012x}{self._chance.getrandbits(80):020x}",
                at=int(self._clock() * 1000),
                event="DeliveryFailed",
                request_id=row.message_id,
                detail=f'{{"channel":"{row.channel}","kind":"{kind}"}}',
            ),
        )


class PortInUse(Exception):
    """A port cannot be listened on; the text says which and what to do."""


class Listening:
    """The two bound sockets of a server, bound before anything else so that a port in use is told at once."""

    def __init__(self, config: Config) -> None:
        """Raises NotLoopback, PortInUse."""
        if config.mode == "development":
            require_loopback(config.host)
        self.endpoint = _bind(config, config.port, "POOLHOUSE_PORT (--port)")
        try:
            self.gateway = _bind(config, config.gateway_port, "POOLHOUSE_GATEWAY_PORT (--gateway-port)")
        except PortInUse:
            self.endpoint.close()
            raise

    def close(self) -> None:
        """Let go of both ports."""
        self.endpoint.close()
        self.gateway.close()

    def settle(self, config: Config) -> Config:
        """The configuration with the ports that were given for 0."""
        return msgspec.structs.replace(
            config, port=self.endpoint.getsockname()[1], gateway_port=self.gateway.getsockname()[1]
        )


def _bind(config: Config, port: int, option: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.workers > 1:
        # The kernel spreads connections over the workers that share the port.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((config.host, port))
    except OSError as error:
        listening.close()
        way_out = f"set {option} to another port"
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            way_out = "set POOLHOUSE_HOST to an address of this machine"
        raise PortInUse(f"cannot listen on {config.host}:{port} ({error.strerror}); {way_out}") from error
    return listening


async def start_app(config: Config, environment: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> App:
    """Bind, open, compose and start a server. Raises what Listening and open_services raise."""
    listening = Listening(config)
    try:
        return await _start(listening.settle(config), environment, listening, clock)
    except BaseException:
        listening.close()
        raise


async def _start(
    config: Config, environment: Mapping[str, str], listening: Listening, clock: Callable[[], float]
) -> App:
    services = await open_services(config, environment, clock=clock)
    try:
        app = App(config, services, listening, clock)
        await app.start()
    except BaseException:
        await services.database.close()
        raise
    return app


def _trusted(config: Config) -> list[str]:
    """Whose word on hosts and addresses counts. Only this machine reaches a development server, so it is believed."""
    if config.mode == "development":
        return [*config.trusted_proxies, "127.0.0.0/8", "::1"]
    return config.trusted_proxies


def _worker_settings(config: Config) -> WorkerSettings:
    if config.mode == "development":
        return WorkerSettings(keep_payload=True, keep_rows=INBOX_ROWS)
    return WorkerSettings()


def _senders(config: Config, clock: Callable[[], float]) -> dict[Channel, Sender]:
    senders: dict[Channel, Sender] = {}
    if config.smtp_host:
        # Imported only where mail leaves: it brings e-mail and TLS machinery.
        from poolhouse.delivery.smtp import SmtpSender, SmtpSettings

        senders["EMAIL"] = SmtpSender(
            SmtpSettings(
                host=config.smtp_host,
                port=config.smtp_port,
                security=config.smtp_security,
                username=config.smtp_username or None,
                password=config.smtp_password or None,
                sender=config.smtp_sender or None,
            )
        )
    if config.sms_webhook_url:
        from poolhouse.delivery.webhook import WebhookSender, WebhookSettings

        senders["SMS"] = WebhookSender(
            WebhookSettings(url=config.sms_webhook_url, secret=config.sms_webhook_secret), clock=clock
        )
    return senders


def _tls_context(config: Config) -> ssl.SSLContext | None:
    if not (config.tls or config.tls_certificate):
        return None
    # Imported only where HTTPS is served: it brings the X.509 machinery.
    from poolhouse.http.tls import development_certificate, server_context

    if config.tls_certificate:
        return server_context(Path(config.tls_certificate), Path(config.tls_key))
    certificate = development_certificate(config.state_dir / "tls", time.time)
    return server_context(certificate.chain, certificate.key)
