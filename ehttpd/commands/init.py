"""``ehttpd init systemd``: a ready file for what is around a server in production, from the effective settings.

Knows which files there are; what is in them is deploy/'s. Prints, and writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ehttpd.commands.run import VERSION, settings_of
from ehttpd.deploy import containers, grafana, kubernetes, logrotate, proxies, systemd
from ehttpd.deploy.plan import Plan
from ehttpd.errors import SettingsError
from ehttpd.launch.arguments import Parser, arguments_of
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.failures import nearest
from ehttpd.launch.surroundings import current_folder
from ehttpd.launch.usual import usual_application

Maker = Callable[[Plan], str]
FILES: dict[str, Maker] = {
    "systemd": systemd.service,
    "docker": containers.dockerfile,
    "compose": containers.compose,
    "k8s": kubernetes.kubernetes,
    "nginx": proxies.nginx,
    "caddy": proxies.caddy,
    "grafana": grafana.dashboard,
    "logrotate": logrotate.logrotate,
}
WORDS = tuple(FILES)
# What a flag has printed in place of the file.
PARTS: dict[str, tuple[str, Maker, str]] = {
    "socket": ("systemd", systemd.socket, "The socket unit beside the service of systemd."),
    "site": ("nginx", proxies.nginx_site, "Only the part of nginx's file that belongs into conf.d."),
}


def run(words: Sequence[str]) -> int:
    """Print the file that the first word names."""
    if not words or words[0].startswith("-"):
        make_parser().parse_args(words)
        raise SettingsError(f"name the file to print: one of {', '.join(FILES)}.", "See ehttpd init --help.")
    kind, *rest = words
    if kind not in FILES:
        near = nearest(kind, FILES)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise SettingsError(f"{kind!r} is none of {', '.join(FILES)}.{meant}", "See ehttpd init --help.")
    arguments = arguments_of(make_parser(), rest)
    maker = FILES[kind]
    for part in arguments.others:
        of, maker, _ = PARTS[part]
        if of != kind:
            raise SettingsError(f"--{part} goes with {of}, not with {kind}.", "See ehttpd init --help.")
    settings = settings_of(arguments, os.environ)
    application = settings.app or usual_application(os.path.join(settings.chdir, settings.app_dir or "."))
    print(maker(Plan(settings, application, current_folder())), end="")
    return 0


def make_parser() -> Parser:
    """Return the parser of the words behind the name of the file: those of serving."""
    parser = parser_of_settings(VERSION, {})
    parser.prog, parser.usage = "ehttpd init", f"ehttpd init {{{','.join(FILES)}}} [APP] [flags]"
    parser.description = (
        "Print a ready file for this application, served with these settings: a unit of\n"
        "systemd, a Dockerfile, a file for docker compose, manifests of Kubernetes, a\n"
        "configuration of nginx, Caddy or logrotate, a dashboard of Grafana."
    )
    for name, (_, _, sentence) in PARTS.items():
        parser.add_argument(f"--{name}", dest="others", action="append_const", const=name, help=sentence)
    return parser
