"""Units of systemd: the service, and a socket that is kept open while it is restarted. systemd.service(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ehttpd.deploy.plan import Plan, scheme_and_address

WATCHDOG_SECONDS = 30
RUNTIME = "/run/"


def service(plan: Plan) -> str:
    """Return the service."""
    socket = f"{plan.name}.socket"
    command = " ".join(escaped(word) for word in [plan.python, "-m", "ehttpd", *plan.command()])
    lines = [
        f"# /etc/systemd/system/{plan.name}.service",
        f"# systemctl daemon-reload && systemctl enable --now {plan.name}",
        "[Unit]",
        f"Description={described(plan)}",
        "Wants=network-online.target",
        "After=network-online.target",
        f"# With a socket unit (ehttpd init systemd --socket > {socket}), clients wait while the service restarts.",
        f"# Requires={socket}",
        "",
        "[Service]",
        "Type=notify",
        f"WorkingDirectory={plan.folder.replace('%', '%%')}",
        f"ExecStart={command}",
        "# Opens logs and certificates anew; with --workers or --supervise it brings new code and settings, too.",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillMode=mixed",
        f"TimeoutStopSec={plan.graceful}",
        f"WatchdogSec={WATCHDOG_SECONDS}",
        "Restart=on-failure",
        "# Wrong usage or settings, or a start that cannot succeed: to try again would change nothing.",
        "RestartPreventExitStatus=2 3",
        "LimitNOFILE=65536",
        "",
        *identity(plan),
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectSystem=strict",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectControlGroups=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        *folders(plan),
        f"StateDirectory={plan.name}",
        *(["AmbientCapabilities=CAP_NET_BIND_SERVICE"] if plan.privileged else []),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def folders(plan: Plan) -> Iterator[str]:
    """Yield what lets the service make its files: all else is read-only to it. What is below /run systemd makes."""
    found = sorted({os.path.dirname(path) for path in plan.made})
    below = [folder.removeprefix(RUNTIME) for folder in found if folder.startswith(RUNTIME)]
    yield f"RuntimeDirectory={' '.join(map(quoted, dict.fromkeys([plan.name, *below])))}"
    yield from (f"ReadWritePaths={quoted(folder)}" for folder in found if not folder.startswith(RUNTIME))


def identity(plan: Plan) -> list[str]:
    """Return as whom the service runs: its user if one is set, else one that systemd makes."""
    user = str(getattr(plan.settings, "user", ""))
    if not user:
        return ["# A user for as long as the service runs. Its files belong into $STATE_DIRECTORY.", "DynamicUser=yes"]
    group = str(getattr(plan.settings, "group", ""))
    return [f"User={user}", *([f"Group={group}"] if group else [])]


def described(plan: Plan) -> str:
    """Return what is served, with no specifiers."""
    return f"{plan.application.replace('%', '%%')} on ehttpd"


def socket(plan: Plan) -> str:
    """Return the socket unit: systemd listens, and hands the socket to the service."""
    lines = [
        f"# /etc/systemd/system/{plan.name}.socket",
        f"# Then, in {plan.name}.service: Requires={plan.name}.socket",
        "[Unit]",
        f"Description=Socket of {described(plan)}",
        "",
        "[Socket]",
        *(f"ListenStream={listened(address, plan)}" for address in plan.settings.bind if not address.startswith("fd:")),
        f"Backlog={plan.settings.backlog}",
        "NoDelay=yes",
        "",
        "[Install]",
        "WantedBy=sockets.target",
    ]
    return "\n".join(lines) + "\n"


def listened(address: str, plan: Plan) -> str:
    """Return an address as systemd writes it: a path, a port of every interface, or host and port."""
    _, address = scheme_and_address(address)
    if address.startswith("unix:"):
        return plan.path(address.removeprefix("unix:")).replace("%", "%%")
    if address.startswith("localhost:"):
        return address.replace("localhost", "127.0.0.1")  # systemd asks nobody for the addresses of a name
    return address.removeprefix("*").removeprefix(":") if address.startswith((":", "*:")) else address


def escaped(word: str) -> str:
    """Return a word of ExecStart=: quoted where it must be, and with nothing that systemd replaces."""
    return quoted(word.replace("$", "$$"))


def quoted(word: str) -> str:
    """Return a word of a list: quoted where it must be, and with no specifiers."""
    word = word.replace("%", "%%")
    if word and not any(character in word for character in " \t\"'\\;"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
