"""The use case of the seed, end to end: its template unchanged, its Amplify code as written, the real server.

contract: ../shared/seed. The person, the temporary password and the first attempt at a new one are the seed's own.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import OpenClient
from tests.clients.people import administrator, call_api
from tests.server import ROOT, RunningServer, running_server

TEMPLATE = ROOT / "tests" / "stacks" / "seed.yaml"
HANDLER = Path(__file__).with_name("seed_handler.py")
USER, PASSWORD, NEW_PASSWORD = "foo@bar.com", "7uJ,q9", "secret"
CONFORMING = "Se-cret1"


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The seed's stack, served; the code that its CodeUri names lies beside it."""
    folder = tmp_path_factory.mktemp("seed")
    template = Path(shutil.copy(TEMPLATE, folder / "template.yaml"))
    program = folder / "app" / "foo" / "handler"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{HANDLER.read_text()}")
    program.chmod(0o755)
    with running_server(folder / "state", template, options=()) as running:
        yield running


def test_the_seed_s_use_case(javascript: OpenClient, seed: RunningServer) -> None:
    assert {"PoolId", "ClientId"} == seed.outputs.keys()
    admin = administrator(seed)
    create = {"UserPoolId": seed.pool_id, "Username": USER, "TemporaryPassword": PASSWORD}
    attributes = [{"Name": "email", "Value": USER}]
    admin.admin_create_user(**create, UserAttributes=attributes, DesiredDeliveryMediums=["EMAIL"])
    invitation = seed.inbox(USER)[0]
    assert invitation.body == f"Your username is {USER} and temporary password is {PASSWORD}."

    client = javascript("seed")
    pool = {"userPoolId": seed.pool_id, "userPoolWebClientId": seed.client_id, "endpoint": seed.endpoint}
    client.call("configure", pool)

    # The seed's new password does not meet the seed's own policy, and nobody waits for the answer: it is an
    # unhandled rejection there.
    client.call("signIn", USER, PASSWORD, NEW_PASSWORD)
    refused = client.call("rejection")
    assert refused["code"] == "InvalidPasswordException"
    assert refused["message"].startswith("Password did not conform with password policy: ")

    client.call("signIn", USER, PASSWORD, CONFORMING)
    assert client.call("settled")
    tokens = client.call("tokens")
    foo = seed.route("/val/foo")
    answer = call_api(foo, tokens["access"])
    assert (answer.status, json.loads(answer.body)["feature"]) == (200, "foo")

    client.call("signOut")
    refusal = call_api(foo, tokens["access"])
    assert (refusal.status, refusal.body) == (401, '{"message":"Unauthorized"}')
    admin.admin_delete_user(UserPoolId=seed.pool_id, Username=USER)
