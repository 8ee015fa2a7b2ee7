"""hello: the least that a function behind the gateway can do."""


def handler(event: object, context: object) -> dict[str, object]:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"hello":"world"}'}
