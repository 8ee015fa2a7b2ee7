"""What stacks have deployed, at work: functions in their sandboxes and APIs at the gateway, reloaded when they change.

Joins the gateway's and the functions' interfaces to the rest of the house. Knows no route and no runtime.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import msgspec

from poolhouse.access.principals import Authorizer
from poolhouse.config import Config
from poolhouse.functions.functions import Functions
from poolhouse.functions.invoke_api import PREFIX, invoke_handler
from poolhouse.functions.journal import LogLine, LogSource
from poolhouse.functions.launcher.cgroup import delegated
from poolhouse.functions.spec import (
    FunctionsBroken,
    FunctionSpec,
)
from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiDefinition, ApiInvalid
from poolhouse.gateway.exchange import Origin, OriginReader, socket_origin
from poolhouse.gateway.gateway import Gateway
from poolhouse.gateway.model import Api
from poolhouse.gateway_tokens import GatewayTokens
from poolhouse.http.client import Client
from poolhouse.http.message import Request, Response
from poolhouse.model.errors import ServiceError
from poolhouse.rehearsal import functions_config, unprivileged_credentials
from poolhouse.services import Services
from poolhouse.stacks.served import NOTICE, ServedStore
from poolhouse.stacks.template import Tree
from poolhouse.storage import Unavailable
from poolhouse.telemetry.log import get_logger
from poolhouse.wire.envelope import json_refusal, new_request_id
from poolhouse.wire.proxies import TrustedProxies

log = get_logger(__name__)

RETRY_SECONDS = 1.0
DEVELOPMENT_RELOAD_SECONDS = 0.2


class FunctionLog:
    """A LogSink: what functions print becomes events of the log."""

    def write(self, source: LogSource, lines: Sequence[LogLine]) -> None:
        for line in lines:
            log.info("function_output", function=source.function, line=line.text.decode("utf-8", "replace"))


class Serving:
    """The deployed functions and APIs of this process."""

    def __init__(self, config: Config, services: Services, proxies: TrustedProxies, clock: Callable[[], float]) -> None:
        self._config = config
        self._services = services
        self._served = ServedStore(services.database, services.keyring)
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self.functions = Functions(
            functions_config(
                config,
                reload_interval=DEVELOPMENT_RELOAD_SECONDS if config.mode == "development" else None,
                cgroup_parent=delegated(),
            ),
            credentials=unprivileged_credentials,
            sink=FunctionLog(),
        )
        self._upstreams = Client()
        self._gateway = Gateway(
            GatewayTokens(services), self.functions, self._upstreams, clock=clock, origin=_origin_reader(proxies)
        )

    async def start(self) -> None:
        """Load what is deployed and follow its changes. A broken deployment is logged, never fatal."""
        self._services.database.listen(self._on_notice)
        await self._load()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End every sandbox and upstream connection."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._upstreams.close()
        await self.functions.close()

    @property
    def gateway(self) -> Gateway:
        """The deployed APIs."""
        return self._gateway

    def invoke_api(self, authorizer: Authorizer) -> "InvokeApi":
        """Lambda's Invoke API, behind the same signatures as the rest."""
        return InvokeApi(self.functions, authorizer)

    def _on_notice(self, topic: str, key: str) -> None:
        if topic in (NOTICE, "") or key == "":
            self._changed.set()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._load()
            except Unavailable as error:
                log.warning("deployment_not_loaded", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()

    async def _load(self) -> None:
        documents = await self._served.load("function")
        specs = [spec for document in documents if (spec := _read_spec(document)) is not None]
        try:
            await self.functions.configure(specs)
        except FunctionsBroken as broken:
            for failure in broken.failures:
                log.error("function_broken", function=failure.function, message=failure.message)
        documents = await self._served.load("api")
        apis = [api for document in documents if (api := self._compile(document)) is not None]
        self._gateway.set_apis(apis)
        log.info("deployment_loaded", functions=len(specs), apis=len(apis))

    def _compile(self, document: Tree) -> Api | None:
        try:
            return compile_api(msgspec.convert({**document, "mode": self._config.gateway_mode}, ApiDefinition))
        except ApiInvalid as invalid:
            log.error("api_broken", where=invalid.where, message=invalid.message)
        except msgspec.ValidationError as unreadable:
            log.error("api_broken", where="", message=str(unreadable))
        return None


def _read_spec(document: Tree) -> FunctionSpec | None:
    """A deployed function, unless a release of another shape has written it: that must not stop the others."""
    try:
        return msgspec.convert(document, FunctionSpec)
    except msgspec.ValidationError as unreadable:
        log.error("function_broken", function=str(document.get("name")), message=str(unreadable))
        return None


class InvokeApi:
    """POST /2015-03-31/functions/{name}/invocations, for whoever may invoke."""

    def __init__(self, functions: Functions, authorizer: Authorizer) -> None:
        self._handler = invoke_handler(functions, secrets.token_bytes, self._permit)
        self._authorizer = authorizer

    def handles(self, path: str) -> bool:
        """Whether the path is Lambda's."""
        return path.startswith(PREFIX)

    async def handle(self, request: Request) -> Response:
        """Invoke for whoever signed the request, if its policies say so."""
        try:
            return await self._handler(request)
        except ServiceError as refused:
            return json_refusal(refused, new_request_id(), ())

    async def _permit(self, request: Request, body: bytes, arn: str) -> None:
        await self._authorizer.authorize(request, body, "lambda", "InvokeFunction", arn)


def _origin_reader(proxies: TrustedProxies) -> OriginReader:
    """Where a request comes from, as far as the proxies in front of us may say."""

    def read(request: Request) -> Origin:
        seen = socket_origin(request)
        base = proxies.base_url(request)
        scheme = base.partition(":")[0] if base is not None else seen.scheme
        return Origin(proxies.client_address(request), scheme, seen.port)

    return read
