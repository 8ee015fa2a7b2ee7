"""A function's program as `provided.*` and go1.x run it: it asks the Lambda Runtime API for events and answers them.

Stands in the place of the seed's compiled Go program, whose source is not part of the seed.
"""

import json
import os
import urllib.request
from typing import Any

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def answer(event: dict[str, Any]) -> dict[str, Any]:
    """The proxy integration's result: whom the gateway let through."""
    claims = event["requestContext"]["authorizer"]["claims"]
    return {"statusCode": 200, "body": json.dumps({"feature": "foo", "sub": claims["sub"]})}


while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        event, request_id = json.load(invocation), invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    body = json.dumps(answer(event)).encode()
    with urllib.request.urlopen(f"{API}/{request_id}/response", data=body):
        pass
