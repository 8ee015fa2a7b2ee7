"""Starts slowly the first time only: a marker file in the code's own folder cannot be written, so in a given place."""

import os
import time

marker = os.environ["MARKER"]
if not os.path.exists(marker):
    with open(marker, "w") as stream:
        stream.write("x")
    time.sleep(3600)
if os.environ.get("ALWAYS"):
    time.sleep(3600)


def handler(event, context):
    return "started"
