"""Handlers that do what a test needs; each runs in a sandbox of its own."""

import ctypes
import json
import os
import subprocess
import sys
import threading
import time

STARTED = time.time()


def echo(event, context):
    print("a line of Python")
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis() / 1000,
        "identity": getattr(context.identity, "cognito_identity_id", None),
        "client": context.client_context.client.app_title if context.client_context else None,
        "pid": os.getpid(),
    }


def environment(event, context):
    return {"env": dict(os.environ)}


def fail(event, context):
    raise ValueError("as ordered")


def leave(event, context):
    os._exit(event["code"])


def crash(event, context):
    os.kill(os.getpid(), event["signal"])
    time.sleep(60)


def sleep(event, context):
    started = time.time()
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "from": started, "to": time.time()}


def sleep_with_child(event, context):
    """A child in the same group, and one that has left the group and lost its parent."""
    child = subprocess.Popen(["sleep", "3600"])
    with open(event["pids"], "w") as stream:
        json.dump([os.getpid(), child.pid, deserter()], stream)
    time.sleep(3600)


def leave_child(event, context):
    return {"pid": os.getpid(), "child": deserter()}


DESERTER = """
import os
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    os.execlp("sleep", "sleep", "3600")
os._exit(0)
"""


def deserter():
    process = subprocess.Popen([sys.executable, "-c", DESERTER], stdout=subprocess.PIPE, start_new_session=True)
    return int(process.stdout.readline())


def hoard(event, context):
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 20)) * 8)
        time.sleep(0.005)


def hoard_in_child(event, context):
    script = "import time\nkept = []\nwhile True:\n kept.append(b'x' * (8 << 20))\n time.sleep(0.02)"
    subprocess.run([sys.executable, "-c", script])
    time.sleep(3600)


def fork_lightly(event, context):
    """Three children share 60 MB copy-on-write: four times the resident figure, once the memory."""
    kept = b"x" * (60 << 20)
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            kept.count(b"y")
            time.sleep(1.5)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return len(kept)


def large(event, context):
    return "x" * event["size"]


def chatter(event, context):
    for number in range(event["lines"]):
        print(f"{number} " + "x" * event["width"])
    sys.stdout.write("no line feed at the end")


def linger(event, context):
    """Answer, and go on writing afterwards."""
    threading.Timer(0.05, lambda: print("after the answer")).start()
    return os.getpid()


def segfault(event, context):
    ctypes.string_at(0)


def write_temp(event, context):
    path = os.path.join(os.environ["TMPDIR"], "kept")
    seen = os.path.exists(path)
    with open(path, "w") as stream:
        stream.write("x")
    return {"seen": seen, "dir": os.environ["TMPDIR"]}


def size(event, context):
    return len(event)
