"""foo: greets whoever the gateway let through."""

import json


def handler(event, context):
    claims = event["requestContext"]["authorizer"]["claims"]
    # An ID token carries the e-mail address; an access token only knows the user's name and id.
    name = claims.get("email") or claims.get("username") or claims["sub"]
    print(f"foo called by {claims['sub']}")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
        "body": json.dumps({"feature": "foo", "message": f"Hello {name}, this is Python.", "sub": claims["sub"]}),
    }
