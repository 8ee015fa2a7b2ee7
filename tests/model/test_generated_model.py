"""The generated modules: in step with the service models, light to import, and what they say about each operation."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from poolhouse.model import cognito_identity_model, cognito_idp_model, sts_model
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminCreateUserResponse,
    AttributeType,
    ChangePasswordRequest,
    InitiateAuthRequest,
    InitiateAuthResponse,
    InternalErrorException,
    InvalidParameterException,
    StartWebAuthnRegistrationResponse,
    UserContextDataType,
    UserNotFoundException,
    UserType,
)
from poolhouse.model.errors import ServiceError
from poolhouse.model.shape import DOTS

ROOT = Path(__file__).resolve().parents[2]
MODULES = (cognito_idp_model, cognito_identity_model, sts_model)


def test_the_modules_are_what_the_generator_makes_of_the_installed_service_models() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate_model.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_no_module_at_run_time_imports_the_sdk() -> None:
    program = (
        "import sys, poolhouse.model.cognito_idp_model, poolhouse.model.cognito_identity_model, "
        "poolhouse.model.sts_model, poolhouse.wire.front;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('boto3', 'botocore', 'yaml', 'typer')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "operations", "auth"),
    [
        (cognito_idp_model, 153, {"sigv4": 119, "token": 24, "none": 10}),
        (cognito_identity_model, 23, {"sigv4": 19, "token": 0, "none": 4}),
        (sts_model, 12, {"sigv4": 10, "token": 0, "none": 2}),
    ],
)
def test_every_operation_is_there_with_its_auth_type(module, operations, auth):
    found = [operation.auth for operation in module.OPERATIONS.values()]
    assert len(found) == operations
    assert {kind: found.count(kind) for kind in auth} == auth


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("InitiateAuth", "none"),
        ("RevokeToken", "none"),
        ("GetTokensFromRefreshToken", "none"),
        ("GetUser", "token"),
        ("AssociateSoftwareToken", "token"),
        ("VerifySoftwareToken", "token"),
        ("AdminCreateUser", "sigv4"),
        ("ListUsers", "sigv4"),
    ],
)
def test_auth_type_of_well_known_operations(name, auth):
    assert cognito_idp_model.OPERATIONS[name].auth == auth


def test_an_operation_names_its_shapes_and_errors() -> None:
    operation = cognito_idp_model.OPERATIONS["AdminCreateUser"]
    assert operation.request is AdminCreateUserRequest
    assert operation.response is AdminCreateUserResponse
    assert UserNotFoundException in operation.errors
    assert cognito_idp_model.OPERATIONS["DeleteUser"].response is None


def test_attributes_are_snake_case_and_the_wire_has_the_service_names() -> None:
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
                assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?", name) for name in value.__struct_fields__)
    fields = dict(
        zip(ChangePasswordRequest.__struct_fields__, ChangePasswordRequest.__struct_encode_fields__, strict=True)
    )
    assert fields == {
        "previous_password": "PreviousPassword",
        "proposed_password": "ProposedPassword",
        "access_token": "AccessToken",
    }
    client = cognito_idp_model.UserPoolClientType
    names = dict(zip(client.__struct_fields__, client.__struct_encode_fields__, strict=True))
    assert names["callback_urls"] == "CallbackURLs"
    assert names["allowed_oauth_flows_user_pool_client"] == "AllowedOAuthFlowsUserPoolClient"
    assert names["default_redirect_uri"] == "DefaultRedirectURI"


def test_absent_members_are_omitted_and_empty_ones_kept() -> None:
    answer = InitiateAuthResponse(challenge_parameters={})
    assert msgspec.json.encode(answer) == b'{"ChallengeParameters":{}}'
    user = UserType(username="alice", attributes=[], enabled=False, user_create_date=1700000000.123)
    assert msgspec.json.encode(user) == (
        b'{"Username":"alice","Attributes":[],"UserCreateDate":1700000000.123,"Enabled":false}'
    )


def test_a_null_member_is_absent_and_an_unknown_one_ignored() -> None:
    body = b'{"AuthFlow":"USER_AUTH","ClientId":"abc","Session":null,"Surprise":{"deep":[1]}}'
    request = msgspec.json.decode(body, type=InitiateAuthRequest)
    assert request == InitiateAuthRequest(auth_flow="USER_AUTH", client_id="abc")


def test_a_document_goes_out_as_inline_json() -> None:
    options = msgspec.Raw(b'{"challenge":"abc","rp":{"id":"example.com"}}')
    answer = StartWebAuthnRegistrationResponse(credential_creation_options=options)
    assert msgspec.json.encode(answer) == (
        b'{"CredentialCreationOptions":{"challenge":"abc","rp":{"id":"example.com"}}}'
    )


def test_a_repr_shows_dots_for_sensitive_members() -> None:
    request = InitiateAuthRequest(
        auth_flow="USER_PASSWORD_AUTH",
        client_id="6h89qn",
        auth_parameters={"PASSWORD": "correct horse"},
        user_context_data=UserContextDataType(ip_address="192.0.2.7"),
    )
    assert repr(request) == (
        f"InitiateAuthRequest(auth_flow='USER_PASSWORD_AUTH', auth_parameters={DOTS}, client_id='6h89qn', "
        f"user_context_data={DOTS})"
    )
    assert "alice@example.com" not in repr(
        UserType(attributes=[AttributeType(name="email", value="alice@example.com")])
    )


def test_errors_carry_code_status_message_and_their_own_members() -> None:
    plain = UserNotFoundException("User does not exist.")
    assert isinstance(plain, ServiceError)
    assert (plain.code, plain.status, plain.message, plain.members()) == (
        "UserNotFoundException",
        400,
        "User does not exist.",
        {},
    )
    assert InternalErrorException().status == 500
    assert InvalidParameterException("x", reason_code="Y").members() == {"reasonCode": "Y"}
    assert InvalidParameterException("x").members() == {}
    rejected = sts_model.IDPRejectedClaimException("x")
    assert (rejected.code, rejected.status) == ("IDPRejectedClaim", 403)
