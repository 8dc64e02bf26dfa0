"""Flags of other servers that are no settings of ours: accepted with a note where nothing is lost, else refused.

The operator's room. Those that are settings of ours under another name are aliases in the table of settings.
"""

from __future__ import annotations

from collections.abc import Mapping

from ehttpd.errors import SettingsError


class Stranger:
    """One such flag.

    Attributes:
        flags: its names.
        accepted: the values that lose nothing, each with a note; None stands for a flag without a value, "*" for any.
        cure: what to do instead, for whoever gives another value.
    """

    def __init__(self, *flags: str, accepted: Mapping[str | None, str] = {}, cure: str, bare: bool = False) -> None:
        self.flags = flags
        self.accepted = accepted
        self.cure = cure
        self.bare = bare or None in accepted

    def note(self, flag: str, value: str | None) -> str:
        """Return what to tell about the flag with this value, nothing if it is not worth a word.

        Raises:
            SettingsError: it means something that ehttpd does not do.
        """
        if value in self.accepted:
            return self.accepted[value]
        if "*" in self.accepted:
            return self.accepted["*"]
        raise SettingsError(f"{flag}{f' {value}' if value else ''} is not for ehttpd.", self.cure)


ONE_CLASS = "there is one kind of worker: threads that are as many as are needed (--threads)"
NO_LOOP = "there is no event loop to choose"
STRANGERS = (
    Stranger(
        "-k",
        "--worker-class",
        accepted={"sync": ONE_CLASS + "; --threads 1 serves one request at a time", "gthread": ONE_CLASS},
        cure="Leave it out: requests run on threads, and waiting ones cost little. Choose how many with --threads.",
    ),
    Stranger(
        "-D",
        "--daemon",
        "--daemonize",
        bare=True,
        cure="Let the service manager keep it running: ehttpd init systemd",
    ),
    Stranger(
        "--interface",
        accepted={"wsgi": "", "auto": ""},
        cure="ehttpd serves WSGI applications and native handlers. For ASGI applications use uvicorn or granian.",
    ),
    Stranger(
        "--http",
        accepted={"auto": "", "1": "", "h11": "", "httptools": ""},
        cure="ehttpd speaks HTTP/1.1. A proxy in front speaks the others: ehttpd init nginx",
    ),
    Stranger("--loop", "--runtime-mode", "--task-impl", accepted={"*": NO_LOOP}, cure=""),
    Stranger("--runtime-threads", "--runtime-blocking-threads", accepted={"*": NO_LOOP}, cure=""),
    Stranger("--lifespan", accepted={"*": "lifespan events are ASGI's"}, cure=""),
    Stranger("--ws", accepted={"*": "WebSockets need no flag: docs/native.md"}, cure=""),
    Stranger("--no-ws", accepted={None: ""}, cure=""),
    Stranger("--respawn-failed-workers", accepted={None: "a worker process that ends is always replaced"}, cure=""),
    Stranger("--use-colors", "--no-use-colors", accepted={None: ""}, cure=""),
    Stranger("--worker-tmp-dir", accepted={"*": "no file is needed to see whether a worker lives"}, cure=""),
    Stranger("--proxy-headers", accepted={None: ""}, cure=""),
    Stranger("--reload-engine", "--reload-tick", "--reload-delay", accepted={"*": "nothing is to be chosen"}, cure=""),
    Stranger("--no-sendfile", accepted={None: "files are sent with sendfile wherever that is possible"}, cure=""),
    Stranger("--control-url", cure="Give an address of figures and commands: --admin 9100"),
    Stranger("--no-metrics", accepted={None: ""}, cure=""),
    Stranger("--metrics-scrape-interval", accepted={"*": "figures are taken when somebody asks"}, cure=""),
    Stranger("--ssl-keyfile-password", cure="Put it into a file that only you may read: --keyfile-password-file FILE"),
    Stranger("--static-path-route", "--static-path-mount", cure="Name both at once: --static /static=FOLDER"),
    Stranger("--expose-tracebacks", bare=True, cure="Clients never see one; while you write, use: ehttpd dev"),
    Stranger("--capture-output", accepted={None: "the standard output is the application's own"}, cure=""),
    Stranger(
        "--paste", "--paster", cure="Name the application in a module: from paste.deploy import loadapp; app = …"
    ),
)


def find(flag: str) -> Stranger:
    """Return the stranger whose flag this is."""
    return next(stranger for stranger in STRANGERS if flag in stranger.flags)
