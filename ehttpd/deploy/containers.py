"""An image, and what runs it on one machine: Docker and Compose.

The Dockerfile reference, the Compose specification. Whoever runs the image watches it at the
admin address, which no request of a client can keep busy.
"""

from __future__ import annotations

import json
import os

from ehttpd import __version__
from ehttpd.deploy.plan import ADMIN_PORT, DRAIN_SECONDS, PORT, Plan

IDENTITY = ("user", "group")  # which the image says, and nobody inside may change
USER = 10001  # not root, and nobody that a host has
PROBE = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{ADMIN_PORT}/healthz', timeout=2)"


def command(plan: Plan, *, drain: bool = False) -> list[str]:
    """Return the command inside of a container, where every interface is the container's own."""
    changed: dict[str, object] = {"bind": [f"0.0.0.0:{PORT}"], "admin": f"0.0.0.0:{ADMIN_PORT}"}
    if drain and not getattr(plan.settings, "drain_delay", 0.0):
        changed["drain_delay"] = DRAIN_SECONDS
    return ["ehttpd", *plan.command(left_out=IDENTITY, **changed)]


def dockerfile(plan: Plan) -> str:
    """Return a Dockerfile for the folder of the application."""
    ours = f'"ehttpd=={__version__}"'
    if os.path.exists(os.path.join(plan.folder, "requirements.txt")):
        install = [
            "# What is needed changes less often than the code: it has a layer of its own.",
            "COPY requirements.txt ./",
            f"RUN pip install --no-cache-dir --requirement requirements.txt {ours}",
            "COPY . .",
        ]
    elif os.path.exists(os.path.join(plan.folder, "pyproject.toml")):
        install = ["COPY . .", f"RUN pip install --no-cache-dir . {ours}"]
    else:
        install = [f"RUN pip install --no-cache-dir {ours}", "COPY . ."]
    lines = [
        f"# docker build -t {plan.name} .",
        f"# docker run --read-only --tmpfs /tmp -p {PORT}:{PORT} {plan.name}",
        "FROM python:3.13-slim",
        "",
        "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1",
        "WORKDIR /srv/app",
        "",
        *install,
        "",
        f"USER {USER}:{USER}",
        f"EXPOSE {PORT} {ADMIN_PORT}",
        "# The first SIGTERM drains: what was accepted is answered.",
        "STOPSIGNAL SIGTERM",
        f"HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD {json.dumps(['python', '-c', PROBE])}",
        f"CMD {json.dumps(command(plan))}",
    ]
    return "\n".join(lines) + "\n"


def compose(plan: Plan) -> str:
    """Return a file for docker compose. It builds the image from the Dockerfile beside it."""
    return f"""\
# docker compose up --build        (the Dockerfile: ehttpd init docker > Dockerfile)
name: {plan.name}
services:
  web:
    build: .
    image: {plan.name}
    command: {json.dumps(command(plan)).replace("$", "$$")}
    ports:
      - "{PORT}:{PORT}"
      # The admin address is for this machine only.
      - "127.0.0.1:{ADMIN_PORT}:{ADMIN_PORT}"
    read_only: true
    tmpfs:
      - /tmp
    cap_drop:
      - ALL
    security_opt:
      - no-new-privileges:true
    restart: unless-stopped
    stop_grace_period: {plan.graceful}s
    healthcheck:
      test: {json.dumps(["CMD", "python", "-c", PROBE])}
      interval: 10s
      timeout: 3s
      start_period: 10s
"""
