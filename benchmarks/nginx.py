"""nginx as a plain reverse proxy, for comparison: one worker, connections to the upstream kept, nothing logged."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.process import Process, free_port, wait_until_it_answers

_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 10000000;
    upstream behind {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://behind;
        }}
    }}
}}
"""


def find_nginx() -> str | None:
    """The program, if it is installed; Debian keeps it off an ordinary user's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def proxying(program: str, upstream: int, folder: Path) -> Iterator[tuple[int, Process]]:
    """(port, process) of an nginx in front of the port `upstream`."""
    folder.mkdir()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, upstream=upstream, user=user))
    log = folder / "error.log"
    log.touch()
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_answers(process, port, log)
        yield port, Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)
