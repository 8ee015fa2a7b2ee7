"""USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH: the password arrives in clear and is held against the verifier."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import InitiateAuthResponse
from poolhouse.userpools import refusals
from poolhouse.userpools.credentials import password_fits
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.signin.first_factor import continue_after_password, refuse_before_proof
from poolhouse.userpools.signin.step import Parameters, Step, check_secret_hash, find_subject, require, require_username


async def start_password(call: Call, pool: Pool, client: Client, parameters: Parameters) -> InitiateAuthResponse:
    """Answer USERNAME and PASSWORD with tokens, a challenge or a refusal."""
    username = require_username(parameters)
    password = require(parameters, "PASSWORD")
    check_secret_hash(client, parameters, username)
    subject = await find_subject(call, pool, client, username)
    step = Step(call, pool, client, subject.subject_id)
    refuse_before_proof(step, subject.user)
    fits = password_fits(pool, subject.credential, password)
    if subject.user is None or not fits:
        raise await step.fail(refusals.incorrect_username_or_password())
    return await continue_after_password(step, subject.user)
