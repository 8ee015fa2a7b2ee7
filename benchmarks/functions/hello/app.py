"""hello: the least that a function behind the gateway can do."""


def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"hello":"world"}'}
