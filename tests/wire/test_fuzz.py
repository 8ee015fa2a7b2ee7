"""Whatever arrives, the answer is an envelope, and never a fault of ours."""

import asyncio
import json
import xml.etree.ElementTree as ET

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from poolhouse.http.message import Response
from poolhouse.model.catalogue import model
from poolhouse.model.cognito_idp_model import InvalidParameterException
from poolhouse.model.errors import SerializationException
from poolhouse.model.rules import Rule, rule_of
from poolhouse.model.validation import RequestDecoder
from tests.wire.exchange import JSON, call_form, call_json, front, headers_of, make_request, text_of

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OPERATIONS = sorted(model("cognito-idp").operations)


def check(response: Response) -> None:
    assert response.status in (200, 400)
    headers = headers_of(response)
    assert headers["Content-Type"] == JSON
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert all(" " <= character <= "~" for value in headers.values() for character in value)
    body = json.loads(text_of(response))
    assert response.status == 200 or body["__type"].isalnum()


def answer(request: object) -> Response:
    return asyncio.run(front().handle(request))  # type: ignore[arg-type]  # strategies give what the front takes


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_get_an_envelope(body):
    check(answer(call_json("InitiateAuth", body)))
    check(answer(call_json("AdminGetUser", body, Authorization="AWS4-HMAC-SHA256 x")))


@given(st.sampled_from(["InitiateAuth", "AdminGetUser", "GetUser"]), st.data())
@settings(max_examples=150, deadline=None)
def test_any_members_get_an_envelope(operation, data):
    names = [member.wire for member in rule_of(model("cognito-idp").operations[operation].request).members]
    body = data.draw(st.dictionaries(st.sampled_from(names), JSON_VALUES, max_size=5))
    check(answer(call_json(operation, json.dumps(body).encode(), Authorization="AWS4-HMAC-SHA256 x")))


@given(
    st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40), st.sampled_from("GP")
)
@settings(max_examples=100, deadline=None)
def test_any_target_gets_an_envelope(target, method):
    headers = {"Content-Type": JSON, "X-Amz-Target": target}
    check(answer(make_request({"G": "GET", "P": "POST"}[method], headers=headers, body=b"{}")))


@given(
    st.dictionaries(st.sampled_from(["Action", "Version", "RoleArn", "Tags.member.1.Key", "x"]), st.text(max_size=30))
)
@settings(max_examples=100, deadline=None)
def test_any_form_gets_well_formed_xml(form):
    text = "&".join(f"{name}={value}" for name, value in form.items())
    response = answer(call_form(text.encode("utf-8", "replace").decode()))
    assert response.status in (200, 400, 403)
    assert ET.fromstring(text_of(response)).tag.endswith("Response")


def _values(rule: Rule) -> st.SearchStrategy[object]:
    """Values of roughly the right type, often wrong in a constraint."""
    if rule.kind == "structure":
        return st.fixed_dictionaries(
            {}, optional={member.wire: st.none() | _values(member.rule) for member in rule.members[:6]}
        )
    if rule.kind == "list" and rule.element is not None:
        return st.lists(st.none() | _values(rule.element), max_size=3)
    if rule.kind == "map" and rule.element is not None:
        return st.dictionaries(st.text(max_size=5), st.none() | _values(rule.element), max_size=3)
    if rule.enum:
        return st.sampled_from(rule.enum) | st.text(max_size=5)
    if rule.kind == "integer":
        return st.integers(-5, 200) | st.floats(allow_nan=False, allow_infinity=False)
    if rule.kind == "boolean":
        return st.booleans()
    return st.from_regex(r"[\w+=/,.@:-]{0,30}", fullmatch=True) | st.text(max_size=10)


@given(st.sampled_from(OPERATIONS), st.data())
@settings(max_examples=300, deadline=None)
def test_every_operation_s_requests_are_decoded_or_refused_and_what_is_decoded_can_be_written(operation, data):
    found = model("cognito-idp")
    decoder = RequestDecoder(found.operations[operation], found.service)
    body = json.dumps(data.draw(_values(rule_of(found.operations[operation].request)))).encode()
    try:
        request = decoder.decode(body)
    except (SerializationException, InvalidParameterException):
        return
    # what was taken survives a round trip, so it can be stored and answered
    assert decoder.decode(msgspec.json.encode(request)) == request
    repr(request)
