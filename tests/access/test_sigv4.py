"""Signature Version 4 as botocore's own signer makes it, and everything that must not pass for it."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolhouse.access.credential import Credential
from poolhouse.access.policy import FULL_ACCESS, parse_policy
from poolhouse.access.principals import DevelopmentAuthorizer, Principal, SignatureAuthorizer
from poolhouse.access.refusals import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    SignatureExpired,
    UnrecognizedClient,
)
from poolhouse.http.message import Request
from poolhouse.model.errors import ServiceError
from tests.access.signing import KEY_ID, SECRET, make_request, replace_header, sign

ACCOUNT = "000000000000"


class KnownKeys:
    """A key store with fixed contents."""

    def __init__(self, *, token: str | None = None, expires_at: float | None = None) -> None:
        self._token = token
        self._credential = Credential(KEY_ID, SECRET, "admin", (parse_policy(FULL_ACCESS),), expires_at)

    async def find(self, key_id: str, session_token: str | None) -> Credential | None:
        return self._credential if (key_id, session_token) == (KEY_ID, self._token) else None


def authorizer(
    keys: KnownKeys | None = None,
    clock: Callable[[], float] = time.time,
    regions: frozenset[str] | None = None,
) -> SignatureAuthorizer:
    return SignatureAuthorizer(keys or KnownKeys(), account_id=ACCOUNT, regions=regions, clock=clock)


async def check(
    request: Request, body: bytes = b"{}", *, service: str = "cognito-idp", by: SignatureAuthorizer | None = None
) -> Principal:
    return await (by or authorizer()).authorize(request, body, service, "ListUsers", None)


header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
path_segments = st.one_of(st.sampled_from(["", ".", "..", "a b", "%", "~-_.", "ü/ß", "*'()"]), st.text(max_size=8))
free_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    host=st.sampled_from(["localhost:9229", "cognito-idp.eu-west-1.amazonaws.com", "127.0.0.1:3000"]),
    segments=st.lists(path_segments.filter(lambda text: text.isprintable()), max_size=5),
    params=st.dictionaries(free_text.filter(bool), free_text, max_size=4),
    extra=st.dictionaries(st.sampled_from(["X-Amz-Target", "Content-Type", "X-A", "Amz-Sdk-Request"]), header_values),
    body=st.binary(max_size=200),
    service=st.sampled_from(["cognito-idp", "cognito-identity", "sts", "execute-api"]),
    token=st.none() | st.just("IQoJb3JpZ2luX2VjE//+="),
    presigned=st.none() | st.integers(1, 604_800),
)
def test_whatever_botocore_signs_is_verified(
    method: str,
    host: str,
    segments: list[str],
    params: dict[str, str],
    extra: dict[str, str],
    body: bytes,
    service: str,
    token: str | None,
    presigned: int | None,
) -> None:
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    if presigned is not None:
        body = b""  # botocore moves a presigned request's body into its query
    request = sign(
        method=method,
        url=f"http://{host}{path}",
        params=params,
        headers=extra,
        body=body,
        service=service,
        token=token,
        presigned_seconds=presigned,
    )
    by = authorizer(KnownKeys(token=token))
    principal = asyncio.run(check(request, body, service=service, by=by))
    assert principal == Principal(f"arn:aws:iam::{ACCOUNT}:user/admin", "admin", ACCOUNT, KEY_ID, "eu-west-1")
    with pytest.raises(InvalidSignature):
        asyncio.run(check(request, body + b"x", service=service, by=by))


async def test_the_get_vanilla_vector_of_the_aws_documentation_verifies() -> None:
    # AWS Signature Version 4 test suite, get-vanilla.
    request = make_request(
        "GET",
        "/",
        [
            (b"Host", b"example.amazonaws.com"),
            (b"X-Amz-Date", b"20150830T123600Z"),
            (
                b"Authorization",
                b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                b"SignedHeaders=host;x-amz-date, "
                b"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
        ],
    )

    class Example:
        async def find(self, key_id: str, session_token: str | None) -> Credential | None:
            secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
            return Credential(key_id, secret, "example", (parse_policy(FULL_ACCESS),))

    strict = SignatureAuthorizer(Example(), account_id=ACCOUNT, regions=None, clock=lambda: 1_440_938_160.0)
    principal = await strict.authorize(request, b"", "service", "ListUsers", None)
    assert principal.name == "example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-amz-target", b"AWSCognitoIdentityProviderService.DeleteUserPool"),
        (b"x-amz-target", None),
        (b"host", b"elsewhere:9229"),
        (b"content-type", b"text/plain"),
    ],
)
async def test_a_changed_signed_header_breaks_the_signature(name: bytes, value: bytes | None) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.ListUsers", "Content-Type": "application/json"}
    request = sign(headers=headers)
    await check(request)
    with pytest.raises(InvalidSignature) as refusal:
        await check(replace_header(request, name, value))
    assert refusal.value.message.startswith("The request signature we calculated does not match")


@pytest.mark.parametrize("name", [b"x-amz-target", b"x-amz-security-token"])
async def test_a_header_that_decides_must_be_signed(name: bytes) -> None:
    with pytest.raises(InvalidSignature, match="must be a 'SignedHeader' in the AWS Authorization"):
        await check(replace_header(sign(), name, b"AWSCognitoIdentityProviderService.DeleteUserPool"))


async def test_a_signature_that_leaves_out_the_host_is_refused() -> None:
    authorization = sign().header(b"authorization") or ""
    request = replace_header(sign(), b"authorization", authorization.replace("host;", "").encode())
    with pytest.raises(InvalidSignature, match="'Host' or ':authority'"):
        await check(request)


async def test_method_path_and_query_are_signed() -> None:
    request = sign(url="http://localhost/a", params={"x": "1"})
    for method, target in [("GET", "/a?x=1"), ("POST", "/b?x=1"), ("POST", "/a?x=2"), ("POST", "/a?x=1&y=2")]:
        with pytest.raises(InvalidSignature):
            await check(make_request(method, target, request.headers))
    await check(make_request("POST", "/a?x=1", request.headers))


async def test_the_order_and_spelling_of_query_parameters_do_not_matter() -> None:
    request = sign(url="http://localhost/", params={"a": "1 2", "b": "~"})
    await check(make_request("POST", "/?b=%7e&a=1%202", request.headers))


@pytest.mark.parametrize(("offset", "accepted"), [(-899, True), (899, True), (-902, False), (902, False)])
async def test_the_clock_may_be_off_by_a_quarter_of_an_hour(offset: float, accepted: bool) -> None:
    now = time.time()
    by = authorizer(clock=lambda: now + offset)
    if accepted:
        await check(sign(), by=by)
        return
    with pytest.raises(SignatureExpired) as refusal:
        await check(sign(), by=by)
    words = "Signature expired: " if offset > 0 else "Signature not yet current: "
    assert refusal.value.message.startswith(words)
    assert refusal.value.code == "InvalidSignatureException"


@pytest.mark.parametrize(("age", "accepted"), [(58, True), (62, False)])
async def test_a_presigned_url_lives_as_long_as_it_says(age: float, accepted: bool) -> None:
    now = time.time()
    by = authorizer(clock=lambda: now + age)
    request = sign(method="GET", body=b"", presigned_seconds=60)
    if accepted:
        await check(request, b"", by=by)
    else:
        with pytest.raises(SignatureExpired, match="- 60 s"):
            await check(request, b"", by=by)


async def test_a_longer_life_cannot_be_written_into_a_presigned_url() -> None:
    request = sign(method="GET", body=b"", presigned_seconds=60)
    target = request.target.decode().replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    with pytest.raises(InvalidSignature):
        await check(make_request("GET", target, request.headers), b"")


GOOD = (
    f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20240102/eu-west-1/cognito-idp/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00"
)


@pytest.mark.parametrize(
    ("authorization", "error", "text"),
    [
        (None, MissingAuthenticationToken, "Missing Authentication Token"),
        ("Bearer abc", IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header "),
        ("abc", IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header "),
        ("", IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header "),
        (
            "Bearer abc=",
            IncompleteSignature,
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
            "parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=Bearer",
        ),
        (GOOD.replace("Signature=00", "Signature="), IncompleteSignature, "Authorization header requires 'Signature'"),
        (GOOD.replace("Signature=00", "Signature=00,Signature=1"), IncompleteSignature, "must include 'Signature'"),
        (GOOD.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), IncompleteSignature, "Unsupported AWS 'algorithm'"),
        (GOOD.replace("/eu-west-1", ""), IncompleteSignature, "Credential must have exactly 5 slash-delimited"),
        (GOOD.replace("aws4_request", "aws4"), InvalidSignature, "Credential should be scoped with a valid terminator"),
        (GOOD.replace("20240102", "20240103"), InvalidSignature, "Date in Credential scope does not match YYYYMMDD"),
        (GOOD.replace("cognito-idp", "s3"), InvalidSignature, "Credential should be scoped to correct service"),
        (GOOD.replace("eu-west-1", "mars"), InvalidSignature, "Credential should be scoped to a valid region"),
        (GOOD.replace(KEY_ID, "AKIAZZZZZZZZZZZZZZZZ"), UnrecognizedClient, "The security token included in the requ"),
        (GOOD, InvalidSignature, "The request signature we calculated does not match"),
        (GOOD.replace("Signature=00", "Signature=\xff\xfe"), InvalidSignature, "The request signature we calculated"),
    ],
)
async def test_what_is_not_a_valid_signature_is_refused_in_the_services_words(
    authorization: str | None, error: type[ServiceError], text: str
) -> None:
    headers = [(b"Host", b"localhost"), (b"X-Amz-Date", b"20240102T030405Z")]
    if authorization is not None:
        headers.append((b"Authorization", authorization.encode("latin-1")))
    by = authorizer(clock=lambda: 1_704_164_645.0, regions=frozenset({"eu-west-1"}))
    with pytest.raises(error) as refusal:
        await check(make_request("POST", "/", headers), by=by)
    assert refusal.value.message.startswith(text) or text in refusal.value.message


@pytest.mark.parametrize(
    "date", [b"", b"yesterday", b"20241301T000000Z", b"20240102", b"2024-01-02T03:04:05Z", b"99999999T999999Z"]
)
async def test_an_unreadable_date_is_an_incomplete_signature(date: bytes) -> None:
    headers = [(b"Host", b"h"), (b"X-Amz-Date", date), (b"Authorization", GOOD.encode())]
    with pytest.raises(IncompleteSignature):
        await check(make_request("POST", "/", headers))


async def test_without_any_date_the_answer_says_so() -> None:
    headers = [(b"Host", b"h"), (b"Authorization", GOOD.encode())]
    with pytest.raises(IncompleteSignature, match="requires existence of either a 'X-Amz-Date' or a 'Date' header"):
        await check(make_request("POST", "/", headers))


async def test_a_date_header_serves_where_x_amz_date_is_missing() -> None:
    # botocore then signs the Date header in place of its own.
    await check(sign(headers={"Date": "Tue, 02 Jan 2024 03:04:05 GMT"}))


@pytest.mark.parametrize("dropped", ["X-Amz-Date", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Expires"])
async def test_a_presigned_url_without_a_part_is_incomplete(dropped: str) -> None:
    request = sign(method="GET", body=b"", presigned_seconds=60)
    pairs = [pair for pair in request.query.split("&") if not pair.startswith(dropped + "=")]
    with pytest.raises(IncompleteSignature, match=f"AWS query-string parameters must include '{dropped}'"):
        await check(make_request("GET", "/?" + "&".join(pairs), request.headers), b"")


@pytest.mark.parametrize("seconds", ["0", "604801", "-1", "1e3", "x"])
async def test_a_presigned_url_lives_a_week_at_most(seconds: str) -> None:
    request = sign(method="GET", body=b"", presigned_seconds=60)
    target = request.target.decode().replace("X-Amz-Expires=60", f"X-Amz-Expires={seconds}")
    with pytest.raises(IncompleteSignature, match="X-Amz-Expires"):
        await check(make_request("GET", target, request.headers), b"")


async def test_temporary_credentials_past_their_end_are_expired() -> None:
    keys = KnownKeys(token="t", expires_at=time.time() - 1)
    with pytest.raises(ExpiredToken):
        await check(sign(token="t"), by=authorizer(keys))


async def test_a_session_token_that_belongs_to_no_credentials_is_refused() -> None:
    with pytest.raises(UnrecognizedClient):
        await check(sign(token="forged"))


@settings(max_examples=300, deadline=None)
@given(
    authorization=st.binary(max_size=120)
    | st.text("AWS4-HMAC SHA256=Credential/,;Signdxyz0129", max_size=80).map(str.encode),
    query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80),
)
def test_no_authorization_header_or_query_breaks_the_reader(authorization: bytes, query: str) -> None:
    headers = [(b"Host", b"h"), (b"X-Amz-Date", b"20240102T030405Z"), (b"Authorization", authorization)]
    for request in (
        make_request("POST", "/?" + query, headers),
        make_request("POST", "/?X-Amz-Signature=1&" + query, headers[:2]),
    ):
        with pytest.raises(ServiceError):
            asyncio.run(check(request))


async def test_development_believes_any_credentials_region_and_clock() -> None:
    request = sign(key_id="test", secret="test", region="xx-mars-1", token="t")
    principal = await DevelopmentAuthorizer(account_id=ACCOUNT).authorize(request, b"", "cognito-idp", "X", None)
    assert (principal.key_id, principal.region) == ("test", "xx-mars-1")


async def test_development_still_wants_to_see_a_signature() -> None:
    lenient = DevelopmentAuthorizer(account_id=ACCOUNT)
    with pytest.raises(MissingAuthenticationToken):
        await lenient.authorize(make_request("POST", "/", []), b"", "cognito-idp", "X", None)
    bearer = make_request("POST", "/", [(b"Authorization", b"Bearer x")])
    with pytest.raises(IncompleteSignature):
        await lenient.authorize(bearer, b"", "cognito-idp", "X", None)
