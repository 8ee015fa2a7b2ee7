"""A pool's multi-factor configuration (contract/operations.md, "MFA"; MFACFG). This release knows only OFF."""

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    GetUserPoolMfaConfigRequest,
    GetUserPoolMfaConfigResponse,
    InvalidParameterException,
    SetUserPoolMfaConfigRequest,
    SetUserPoolMfaConfigResponse,
)
from poolhouse.userpools.registry import operation
from poolhouse.userpools.stored_pools import change_pool, pool_row, pool_settings_of
from poolhouse.userpools.unprovided import refuse_unprovided_mfa


@operation
async def get_user_pool_mfa_config(call: Call, request: GetUserPoolMfaConfigRequest) -> GetUserPoolMfaConfigResponse:
    """The factors that a pool asks for."""
    settings = pool_settings_of(await pool_row(call, request.user_pool_id))
    return GetUserPoolMfaConfigResponse(mfa_configuration=settings.mfa_configuration or "OFF")


@operation
async def set_user_pool_mfa_config(call: Call, request: SetUserPoolMfaConfigRequest) -> SetUserPoolMfaConfigResponse:
    """Set the factors; an absent MfaConfiguration is OFF, and a factor counts by being present, not by `Enabled`."""
    await pool_row(call, request.user_pool_id)
    _check_factors(request)
    refuse_unprovided_mfa(request)
    settings = await change_pool(
        call,
        request.user_pool_id,
        "SetUserPoolMfaConfig",
        lambda current: structs.replace(current, mfa_configuration="OFF"),
    )
    return SetUserPoolMfaConfigResponse(mfa_configuration=settings.mfa_configuration)


def _check_factors(request: SetUserPoolMfaConfigRequest) -> None:
    factors = (
        request.sms_mfa_configuration,
        request.software_token_mfa_configuration,
        request.email_mfa_configuration,
    )
    any_factor = any(factor is not None for factor in factors)
    if any_factor and request.mfa_configuration in (None, "OFF"):
        raise InvalidParameterException(
            "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
        )
    if not any_factor and request.mfa_configuration in ("ON", "OPTIONAL"):
        raise InvalidParameterException(
            "At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided."
        )
