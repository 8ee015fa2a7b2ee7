"""An app client's settings: the defaults of what is not said, and which settings go together.

Pure: requests in, the client as DescribeUserPoolClient shows it out, without its secret (contract/operations.md "App
clients and secrets", REFRESHREQ to OAUTHCC). Knows no storage; redirect addresses are judged in redirect_urls.
"""

from collections.abc import Sequence

from msgspec import structs

from poolhouse.model.cognito_idp_model import (
    CreateUserPoolClientRequest,
    InvalidOAuthFlowException,
    InvalidParameterException,
    ScopeDoesNotExistException,
    TimeUnitsType,
    TokenValidityUnitsType,
    UpdateUserPoolClientRequest,
    UserPoolClientType,
    UserPoolType,
)
from poolhouse.userpools.attribute_definitions import DEVELOPER
from poolhouse.userpools.attributes import SELF_SERVICE_REFUSED, AttributeSchema
from poolhouse.userpools.redirect_urls import check_redirects

REFRESH_DAYS = 30
AUTH_SESSION_MINUTES = 3
UNIT_SECONDS: dict[TimeUnitsType, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
STANDARD_SCOPES = frozenset({"phone", "email", "openid", "profile", "aws.cognito.signin.user.admin"})

_TOKEN_SECONDS = range(5 * 60, 86_400 + 1)
_REFRESH_SECONDS = range(3600, 3650 * 86_400 + 1)
_DEFAULT_TOKEN_SECONDS = 3600

_Request = CreateUserPoolClientRequest | UpdateUserPoolClientRequest


def new_client(
    request: CreateUserPoolClientRequest,
    pool: UserPoolType,
    schema: AttributeSchema,
    *,
    client_id: str,
    now: float,
    confidential: bool,
) -> UserPoolClientType:
    """The settings of a client that is created now (epoch seconds); `confidential`: it has a secret.

    Raises InvalidParameterException, InvalidOAuthFlowException, ScopeDoesNotExistException.
    """
    _check_attributes(request, pool, schema, "creating")
    return structs.replace(
        _configured(request, confidential=confidential),
        user_pool_id=request.user_pool_id,
        client_id=client_id,
        client_name=request.client_name,
        creation_date=now,
        last_modified_date=now,
    )


def changed_client(
    current: UserPoolClientType,
    request: UpdateUserPoolClientRequest,
    pool: UserPoolType,
    schema: AttributeSchema,
    *,
    confidential: bool,
) -> UserPoolClientType:
    """The settings after an update; what it does not say, except the name, goes back to its default.

    Raises as new_client does.
    """
    _check_attributes(request, pool, schema, "updating")
    return structs.replace(
        _configured(request, confidential=confidential),
        user_pool_id=current.user_pool_id,
        client_id=current.client_id,
        client_name=request.client_name or current.client_name,
        creation_date=current.creation_date,
        last_modified_date=current.last_modified_date,
    )


def _configured(request: _Request, *, confidential: bool) -> UserPoolClientType:
    """What CreateUserPoolClient and UpdateUserPoolClient say in the same words."""
    _check_flows(request.explicit_auth_flows or ())
    _check_oauth(request, confidential=confidential)
    _check_providers(request)
    check_redirects(request.callback_urls or (), request.logout_urls or (), request.default_redirect_uri)
    if request.enable_propagate_additional_user_context_data and not confidential:
        raise InvalidParameterException(
            "EnablePropagateAdditionalUserContextData requires an app client with a client secret."
        )
    refresh, units = _refresh_validity(request)
    _check_validity(request, refresh, units)
    return UserPoolClientType(
        refresh_token_validity=refresh,
        access_token_validity=request.access_token_validity,
        id_token_validity=request.id_token_validity,
        token_validity_units=units,
        read_attributes=request.read_attributes,
        write_attributes=request.write_attributes,
        # An omitted list is stored as such and enforced as the default flows (operations.md, CreateUserPoolClient).
        explicit_auth_flows=request.explicit_auth_flows,
        supported_identity_providers=request.supported_identity_providers,
        callback_urls=request.callback_urls,
        logout_urls=request.logout_urls,
        default_redirect_uri=request.default_redirect_uri,
        allowed_oauth_flows=request.allowed_oauth_flows,
        allowed_oauth_scopes=request.allowed_oauth_scopes,
        allowed_oauth_flows_user_pool_client=request.allowed_oauth_flows_user_pool_client is True,
        analytics_configuration=request.analytics_configuration,
        prevent_user_existence_errors=request.prevent_user_existence_errors or "LEGACY",
        enable_token_revocation=request.enable_token_revocation is not False,
        enable_propagate_additional_user_context_data=(request.enable_propagate_additional_user_context_data is True),
        auth_session_validity=request.auth_session_validity or AUTH_SESSION_MINUTES,
        refresh_token_rotation=request.refresh_token_rotation,
    )


def _refresh_validity(request: _Request) -> tuple[int, TokenValidityUnitsType | None]:
    """How long refresh tokens live, and all units. 0 and nothing both mean 30 days, whatever the unit."""
    if request.refresh_token_validity:
        return request.refresh_token_validity, request.token_validity_units
    units = request.token_validity_units
    return REFRESH_DAYS, None if units is None else structs.replace(units, refresh_token="days")


def _check_validity(request: _Request, refresh: int, units: TokenValidityUnitsType | None) -> None:
    units = units or TokenValidityUnitsType()
    access_seconds = _seconds(request.access_token_validity, units.access_token or "hours")
    id_seconds = _seconds(request.id_token_validity, units.id_token or "hours")
    refresh_seconds = refresh * UNIT_SECONDS[units.refresh_token or "days"]
    # No token may outlive the session that it belongs to.
    if (
        access_seconds not in _TOKEN_SECONDS
        or id_seconds not in _TOKEN_SECONDS
        or refresh_seconds not in _REFRESH_SECONDS
        or refresh_seconds < max(access_seconds, id_seconds)
    ):
        raise InvalidParameterException("Invalid range for token validity.")


def _seconds(validity: int | None, unit: TimeUnitsType) -> int:
    return validity * UNIT_SECONDS[unit] if validity else _DEFAULT_TOKEN_SECONDS


def _check_flows(flows: Sequence[str]) -> None:
    allow = [flow for flow in flows if flow.startswith("ALLOW_")]
    if allow and len(allow) < len(flows):
        raise InvalidParameterException("ExplicitAuthFlows cannot mix values with and without the prefix ALLOW_.")


def _check_oauth(request: _Request, *, confidential: bool) -> None:
    flows = request.allowed_oauth_flows or []
    scopes = request.allowed_oauth_scopes or []
    if request.allowed_oauth_flows_user_pool_client and not (flows and scopes):
        raise InvalidParameterException(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
        )
    if "client_credentials" in flows:
        _check_client_credentials(flows, scopes, confidential=confidential)
    for scope in scopes:
        if scope not in STANDARD_SCOPES:  # others come with resource servers, of which no pool has any yet
            raise ScopeDoesNotExistException(f"Invalid scope requested: {scope}")


def _check_client_credentials(flows: Sequence[str], scopes: Sequence[str], *, confidential: bool) -> None:
    if len(set(flows)) > 1:
        raise InvalidOAuthFlowException(
            "client_credentials flow can not be selected along with code flow or implicit flow."
        )
    if not confidential:
        raise InvalidOAuthFlowException(
            "client_credentials flow can not be selected if client does not have a client secret."
        )
    for scope in scopes:
        if scope in STANDARD_SCOPES:
            raise InvalidOAuthFlowException(f"{scope} is not supported with client_credentials flow")


def _check_providers(request: _Request) -> None:
    for name in request.supported_identity_providers or ():
        if name != "COGNITO":  # no pool has another provider yet
            raise InvalidParameterException(f"The provider {name} does not exist for User Pool {request.user_pool_id}.")


def _check_attributes(request: _Request, pool: UserPoolType, schema: AttributeSchema, doing: str) -> None:
    """Lists of attributes: all known, nothing writable that is not the user's, sign-up still possible."""
    if any(name not in schema for name in request.read_attributes or ()):
        raise InvalidParameterException(f"Invalid read attributes specified while {doing} a client")
    written = request.write_attributes
    if not written:
        return
    config = pool.admin_create_user_config
    needed = () if config is not None and config.allow_admin_create_user_only else schema.required
    refused = [
        name for name in written if name not in schema or name in SELF_SERVICE_REFUSED or name.startswith(DEVELOPER)
    ]
    if refused or not set(needed) <= set(written):
        raise InvalidParameterException(f"Invalid write attributes specified while {doing} a client")
