"""Sign-in: InitiateAuth, RespondToAuthChallenge and their administrator forms (contract/auth-flows.md §1)."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminInitiateAuthRequest,
    AdminInitiateAuthResponse,
    AdminRespondToAuthChallengeRequest,
    AdminRespondToAuthChallengeResponse,
    InitiateAuthRequest,
    InitiateAuthResponse,
    InvalidParameterException,
    RespondToAuthChallengeRequest,
    RespondToAuthChallengeResponse,
)
from poolhouse.userpools import refusals
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.registry import operation
from poolhouse.userpools.signin.new_password import answer_new_password
from poolhouse.userpools.signin.password import start_password
from poolhouse.userpools.signin.password_srp import answer_password_verifier, start_srp
from poolhouse.userpools.signin.refresh import refresh_by_flow
from poolhouse.userpools.signin.step import Parameters

_ALLOWED_BY = {
    "USER_SRP_AUTH": ("ALLOW_USER_SRP_AUTH",),
    "USER_PASSWORD_AUTH": ("ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"),
    "ADMIN_USER_PASSWORD_AUTH": ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"),
    "ADMIN_NO_SRP_AUTH": ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"),
    "CUSTOM_AUTH": ("ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"),
    "USER_AUTH": ("ALLOW_USER_AUTH",),
}
_LEGACY_FLOWS = frozenset({"ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"})
_ADMIN_FLOWS = frozenset({"ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"})
_REFRESH_FLOWS = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})


@operation
async def initiate_auth(call: Call, request: InitiateAuthRequest) -> InitiateAuthResponse:
    """Start a sign-in or a refresh through an app client."""
    client = await call.services.directory.client(request.client_id)
    pool = await call.services.directory.pool(client.pool_id)
    if request.auth_flow in _ADMIN_FLOWS:
        raise InvalidParameterException("Initiate Auth method not supported")
    return await _start(call, pool, client, request.auth_flow, request.auth_parameters or {})


@operation
async def admin_initiate_auth(call: Call, request: AdminInitiateAuthRequest) -> AdminInitiateAuthResponse:
    """Start a sign-in or a refresh on a user's behalf; the only door to the administrator's password flow."""
    pool = await call.services.directory.pool(request.user_pool_id)
    client = await call.services.directory.client_of(pool.pool_id, request.client_id)
    answer = await _start(call, pool, client, request.auth_flow, request.auth_parameters or {})
    return AdminInitiateAuthResponse(
        challenge_name=answer.challenge_name,
        session=answer.session,
        challenge_parameters=answer.challenge_parameters,
        authentication_result=answer.authentication_result,
    )


@operation
async def respond_to_auth_challenge(
    call: Call, request: RespondToAuthChallengeRequest
) -> RespondToAuthChallengeResponse:
    """Answer the challenge that a sign-in has come to."""
    client = await call.services.directory.client(request.client_id)
    pool = await call.services.directory.pool(client.pool_id)
    answer = await _answer(
        call, pool, client, request.challenge_name, request.challenge_responses or {}, request.session
    )
    return RespondToAuthChallengeResponse(
        challenge_name=answer.challenge_name,
        session=answer.session,
        challenge_parameters=answer.challenge_parameters,
        authentication_result=answer.authentication_result,
    )


@operation
async def admin_respond_to_auth_challenge(
    call: Call, request: AdminRespondToAuthChallengeRequest
) -> AdminRespondToAuthChallengeResponse:
    """Answer a challenge on a user's behalf."""
    pool = await call.services.directory.pool(request.user_pool_id)
    client = await call.services.directory.client_of(pool.pool_id, request.client_id)
    answer = await _answer(
        call, pool, client, request.challenge_name, request.challenge_responses or {}, request.session
    )
    return AdminRespondToAuthChallengeResponse(
        challenge_name=answer.challenge_name,
        session=answer.session,
        challenge_parameters=answer.challenge_parameters,
        authentication_result=answer.authentication_result,
    )


async def _start(call: Call, pool: Pool, client: Client, flow: str, parameters: Parameters) -> InitiateAuthResponse:
    _require_flow(client, flow)
    if flow in _REFRESH_FLOWS:
        result = await refresh_by_flow(call, pool, client, parameters)
        return InitiateAuthResponse(challenge_parameters={}, authentication_result=result)
    if flow == "USER_SRP_AUTH":
        return await start_srp(call, pool, client, parameters)
    if flow == "USER_PASSWORD_AUTH" or flow in _ADMIN_FLOWS:
        return await start_password(call, pool, client, parameters)
    if flow == "CUSTOM_AUTH":
        raise InvalidParameterException("Custom auth lambda trigger is not configured for the user pool.")
    # DEVIATION: choice-based sign-in is not in this release; no pool or client setting turns it on.
    raise InvalidParameterException(f"{flow} is not provided by this release")


async def _answer(
    call: Call, pool: Pool, client: Client, challenge: str, responses: Parameters, session: str | None
) -> InitiateAuthResponse:
    if challenge == "PASSWORD_VERIFIER":
        return await answer_password_verifier(call, pool, client, responses)
    if challenge == "NEW_PASSWORD_REQUIRED":
        return await answer_new_password(call, pool, client, responses, session)
    # No session of ours waits for any other challenge, so whatever came with it was not made for it.
    if not session:
        raise refusals.missing_parameter("Session")
    raise refusals.session_malformed()


def _require_flow(client: Client, flow: str) -> None:
    """The client must allow the flow; legacy clients never gate the refresh (contract/auth-flows.md §1)."""
    if flow in _REFRESH_FLOWS:
        allowed = "ALLOW_REFRESH_TOKEN_AUTH" in client.flows or bool(client.flows & _LEGACY_FLOWS)
    elif flow == "USER_SRP_AUTH" and client.flows & _LEGACY_FLOWS:
        allowed = "CUSTOM_AUTH_FLOW_ONLY" not in client.flows
    else:
        allowed = not client.flows.isdisjoint(_ALLOWED_BY[flow])
    if allowed:
        return
    if flow in _ADMIN_FLOWS:
        raise InvalidParameterException("Auth flow not enabled for this client")
    raise InvalidParameterException(f"{flow} flow not enabled for this client")
