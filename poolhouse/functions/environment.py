"""The environment of a sandbox, built from nothing (lambda-runtime.md section 3).

Owns the names. The server's own environment is never consulted.
"""

from typing import NamedTuple

from .spec import Credentials, FunctionSpec

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Names that a template may not set; Lambda refuses them at deployment."""


class Place(NamedTuple):
    """Where a sandbox lives."""

    api: str
    """host:port of its Runtime API."""
    temp: str
    log_stream: str
    region: str
    endpoint_url: str


def reserved_in(spec: FunctionSpec) -> list[str]:
    """The reserved names that the spec tries to set."""
    return sorted(RESERVED.intersection(spec.environment))


def build(spec: FunctionSpec, runtime: dict[str, str], keys: Credentials, place: Place) -> dict[str, str]:
    """All variables of one sandbox; `runtime` are those that its runtime needs beyond the common ones.

    DEVIATION: a sandbox's private folder, removed with it, is the one that TMPDIR and HOME name; the path /tmp is the
    machine's. Functions run as the server's user, so code can read what that user can, other functions' files and the
    state folder included: deploy only code that you would trust with the installation.
    """
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LD_LIBRARY_PATH": f"{spec.code_dir}:{spec.code_dir}/lib:/opt/lib",
        "HOME": place.temp,
        "TMPDIR": place.temp,
        "TMP": place.temp,
        "TEMP": place.temp,
        "AWS_ENDPOINT_URL": place.endpoint_url,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    }
    environment |= runtime
    environment |= spec.environment
    environment |= {
        "_HANDLER": spec.handler,
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": place.log_stream,
        "AWS_LAMBDA_RUNTIME_API": place.api,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": keys.session_token,
        "LAMBDA_TASK_ROOT": spec.code_dir,
    }
    if not spec.runtime.startswith("provided"):
        environment["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{spec.runtime}"
    return environment
