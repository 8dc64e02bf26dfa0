"""What is told of requests and of the server, and where.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

import re

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.listening import HIGHEST_PORT
from ehttpd.settings.units import Choice, FileName, Seconds, Switch, Text
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Self


class LogLevel(Choice):
    """How grave a message must be to be logged."""

    __slots__ = ()
    metavar = "LEVEL"
    CHOICES = ("debug", "info", "warning", "error", "critical")
    meaning = "one of " + ", ".join(CHOICES)


class LineFormat(Text):
    """How requests are written: the name of a format, or atoms. Which there are is not known here."""

    __slots__ = ()
    metavar = "FORMAT"
    meaning = "the name of a format or atoms, in one line"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or not value.isprintable() or not value:
            raise ValueError(cls.meaning)
        return cls(value)


class LogFormat(Choice):
    """How messages are written; auto: as suits where they go."""

    __slots__ = ()
    metavar = "FORMAT"
    CHOICES = ("auto", "text", "json", "logfmt")
    meaning = "one of " + ", ".join(CHOICES)


class AdminAddress(Text):
    """Where the admin's own server listens, or nothing. A port alone is one of the loopback interface."""

    __slots__ = ()
    metavar = "ADDRESS"
    meaning = "an address such as :9100 (of this machine only), 10.0.0.7:9100 or unix:/run/admin.sock"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or not re.fullmatch(r"|unix:[^\0]+|([^\s/@]*:)?[0-9]{1,5}", value):
            raise ValueError(cls.meaning)
        if value and not value.startswith("unix:") and int(value.rpartition(":")[2]) > HIGHEST_PORT:
            raise ValueError(cls.meaning)
        return cls(f"127.0.0.1:{value.removeprefix(':')}" if re.fullmatch(r":?[0-9]+", value) else value)


class StatsdAddress(Text):
    """Where figures are sent, or nothing."""

    __slots__ = ()
    metavar = "ADDRESS"
    meaning = "host:port"

    @classmethod
    def read(cls, value: object) -> Self:
        found = re.fullmatch(r"|\S+:([0-9]{1,5})", value) if isinstance(value, str) else None
        if found is None or (value and not 0 < int(found[1]) <= HIGHEST_PORT):
            raise ValueError(cls.meaning)
        return cls(found[0])


class ControlSocketKind(Choice):
    """Whether there is a control socket."""

    __slots__ = ()
    metavar = "auto or off"
    CHOICES = ("auto", "off")
    SYNONYMS: ClassVar = {"on": "auto", "true": "auto", "false": "off"}
    meaning = "auto (no file is needed) or off; for a socket with a path, give --admin unix:PATH"


class LogSettings(Group, section="Logging"):
    """What is written of requests and messages."""

    access_log: FileName = setting(
        FileName(""),
        "Log every request to this file; -: to the standard output; syslog: to the system's log; nothing: not at all.",
        flags=("--access-log", "--access-logfile"),
        aliases={"--no-access-log": ""},
        alone="-",
    )
    access_log_format: LineFormat = setting(
        LineFormat("combined"),
        "Write requests as common, combined, json, logfmt, dev (for people), or with atoms: '%(h)s %(s)s'.",
        flags=("--access-log-format", "--access-logformat", "--access-log-fmt"),
    )
    error_log: FileName = setting(
        FileName("-"),
        "Log messages to this file; -: to the standard error; syslog: to the system's log.",
        flags=("--error-log", "--error-logfile", "--log-file"),
    )
    log_level: LogLevel = setting(LogLevel("info"), "Log messages from this level upwards.")
    log_format: LogFormat = setting(
        LogFormat("auto"),
        "Write messages as text, json or logfmt; auto: as text to a terminal, else as logfmt.",
    )
    log_config: FileName = setting(
        FileName(""),
        "Configure Python's logging with this file (TOML, or JSON if it is called so) instead: see dictConfig.",
    )
    log_slow: Seconds = setting(
        Seconds(0.0),
        "Log a request that takes longer than this, once and while it runs, with its stack. 0: never.",
        at_least=0,
    )
    request_id_header: Text = setting(
        Text(""),
        "Take the name of a request from this field, such as X-Request-ID; nothing, or no fit name there: make one.",
    )


class FigureSettings(Group, section="Figures"):
    """What is counted, and who is told."""

    admin: AdminAddress = setting(
        AdminAddress(""),
        "Serve /status, /metrics, /healthz, /readyz, /stats.json, /threads here; a port alone: for this machine only.",
    )
    admin_remote_control: Switch = setting(
        Switch(False),
        "Let commands such as stop be given to the admin address from other machines, too.",
    )
    control_socket: ControlSocketKind = setting(
        ControlSocketKind("auto"),
        "Let ehttpd ctl, status and top reach this process, by a socket for its user and root alone (Linux).",
        alone="auto",
        aliases={"--no-control-socket": "off"},
    )
    ready_max_queue: Seconds = setting(
        Seconds(5.0),
        "Be not ready (/readyz answers 503) while a request has waited this long for a thread; 0: be ready anyway.",
        at_least=0,
    )
    statsd_host: StatsdAddress = setting(
        StatsdAddress(""), "Send figures to this statsd by UDP every second: host:port; nothing: to none."
    )
    statsd_prefix: Text = setting(
        Text(""), "Put this before the name of every figure that statsd is sent."
    )
    statsd_tags: Text = setting(
        Text(""),
        "Put these tags on every figure that statsd is sent, as DogStatsD reads them: name:value, with commas between.",
        flags=("--statsd-tags", "--dogstatsd-tags"),
    )
