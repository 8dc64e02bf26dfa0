"""Every setting, declared once: unit, default, bounds, section and one sentence.

The operator's room. Flags, ``EHTTPD_*`` variables, ``[tool.ehttpd]`` keys, keyword arguments, ``--help`` and
``docs/settings.md`` are all derived from the table in `Settings`. Knows nothing of argv, of files or of what a
setting is used for.
"""

from __future__ import annotations

from ehttpd.settings.declaration import Given, Setting, meant, read_given, setting
from ehttpd.settings.units import (
    Addresses,
    AdminAddress,
    Assignments,
    Bytes,
    ClientCertificates,
    ControlSocketKind,
    Count,
    FieldLines,
    FileName,
    FileNames,
    ForwardingFields,
    LineFormat,
    LogFormat,
    LogLevel,
    Mask,
    Mebibytes,
    Mode,
    Mounts,
    Networks,
    Path,
    Patterns,
    ProxyProtocol,
    Scheme,
    Seconds,
    StackSize,
    Switch,
    Text,
    Texts,
    Threads,
    TLSVersion,
    Unit,
)

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without the 3 ms that typing takes
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NoReturn

__all__ = [
    "Addresses",
    "AdminAddress",
    "Assignments",
    "Bytes",
    "ClientCertificates",
    "ControlSocketKind",
    "Count",
    "FieldLines",
    "FileName",
    "FileNames",
    "ForwardingFields",
    "Given",
    "LineFormat",
    "LogFormat",
    "LogLevel",
    "Mask",
    "Mebibytes",
    "Mode",
    "Mounts",
    "Networks",
    "Path",
    "Patterns",
    "ProxyProtocol",
    "Scheme",
    "Seconds",
    "Setting",
    "Settings",
    "StackSize",
    "Switch",
    "TLSVersion",
    "Text",
    "Texts",
    "Threads",
    "Unit",
    "read_given",
]


class Settings:
    """What the operator decided. Cannot be changed; `replace` makes another.

    A setting may also be called as any of its flags is: ``keep_alive`` after ``--keep-alive``. None: the default.

    Not a dataclass: ``dataclasses`` imports ``inspect``, which takes 19 ms of the 30 that ``import ehttpd`` may.

    Raises:
        SettingsError: a name is unknown, or a value has the wrong type or is out of bounds.
    """

    app: Text = setting(
        Text(""),
        "Serve this application where the command line names none: module:attribute, a module or a file.",
        section="Application",
    )
    factory: Switch = setting(
        Switch(0),
        "Call what is named: it makes the application. The same as module:attribute().",
        section="Application",
        flags=("--factory", "--call"),
    )
    app_dir: FileName = setting(
        FileName(""), "Look for modules in this folder first; nothing: in the current one.", section="Application"
    )
    pythonpath: FileNames = setting(
        FileNames(()), "Look for modules in this folder as well. May be given several times.", section="Application"
    )
    chdir: FileName = setting(
        FileName(""),
        "Change to this folder before the application is imported.",
        section="Application",
        flags=("--chdir", "--working-dir"),
    )
    env: Assignments = setting(
        Assignments(()),
        "Set this variable of the environment. May be given several times.",
        section="Application",
        flags=("-e", "--env"),
    )
    env_file: FileNames = setting(
        FileNames(()),
        "Set the variables that this file names and the environment does not have.",
        section="Application",
        flags=("--env-file", "--env-files"),
    )

    static: Mounts = setting(
        Mounts(()),
        "Serve the files of a folder below a path, such as /static=public. May be given several times.",
        section="Application",
    )

    reload: Switch = setting(
        Switch(0), "Start again when a file of the project has changed. For development.", section="Reloading"
    )
    reload_dir: FileNames = setting(
        FileNames(()),
        "Watch this folder instead of the current one. May be given several times.",
        section="Reloading",
        flags=("--reload-dir", "--reload-paths"),
    )
    reload_include: Patterns = setting(
        Patterns(()),
        "Watch files of this pattern besides Python's and those of templates. May be given several times.",
        section="Reloading",
    )
    reload_exclude: Patterns = setting(
        Patterns(()),
        "Do not watch files or folders of this pattern. May be given several times.",
        section="Reloading",
        flags=("--reload-exclude", "--reload-ignore-dirs", "--reload-ignore-patterns"),
    )
    reload_extra_file: Patterns = setting(
        Patterns(()),
        "Watch this file as well, wherever it is; a pattern names several. May be given several times.",
        section="Reloading",
    )

    bind: Addresses = setting(
        Addresses(("127.0.0.1:8000",)),
        "Listen here: host:port, :port (every interface, IPv4 and IPv6), unix:path, unix:@name, fd:number, fd:name or "
        "systemd. May be given several times.",
        section="Listening",
        flags=("-b", "--bind", "--listen"),
        aliases={"--uds": "unix:{}", "--unix-socket": "unix:{}", "--fd": "fd:{}"},
        platform={"PORT": "0.0.0.0:{}"},
    )
    backlog: Count = setting(
        Count(2048),
        "Let the kernel hold this many connections that are not yet accepted.",
        section="Listening",
        at_least=1,
    )
    reuse_port: Switch = setting(
        Switch(0),
        "Let other processes listen on the same ports; the kernel shares out the connections.",
        section="Listening",
    )
    uds_mode: Mode = setting(
        Mode(0o660),
        "Give the file of a Unix socket these permissions: who may connect.",
        section="Listening",
        flags=("--uds-mode", "--uds-permissions", "--unix-socket-perms"),
    )
    max_connections: Count = setting(
        Count(0),
        "Accept no more connections than this at a time; 0: as many as the process may open.",
        section="Listening",
        flags=("--max-connections", "--connection-limit", "--worker-connections"),
        at_least=0,
    )

    certfile: FileNames = setting(
        FileNames(()),
        "Speak TLS with the certificate in this file, its chain behind it; or with those in a folder. May be repeated.",
        section="TLS",
        flags=("--certfile", "--ssl-certfile", "--ssl-certificate"),
    )
    keyfile: FileNames = setting(
        FileNames(()),
        "The key of the certificate, if it is not in the same file. As often as certfile, in the same order.",
        section="TLS",
        flags=("--keyfile", "--ssl-keyfile"),
    )
    keyfile_password_file: FileName = setting(
        FileName(""), "Read the passphrase of an encrypted key from this file.", section="TLS"
    )
    ca_certs: FileName = setting(
        FileName(""),
        "Trust certificates of clients that an authority in this file has signed.",
        section="TLS",
        flags=("--ca-certs", "--ssl-ca-certs", "--ssl-ca"),
    )
    cert_reqs: ClientCertificates = setting(
        ClientCertificates("none"),
        "Ask clients for a certificate: none, optional, required.",
        section="TLS",
        flags=("--cert-reqs", "--ssl-cert-reqs", "--verify-mode"),
    )
    ciphers: Text = setting(
        Text(""),
        "Offer these ciphers with TLS 1.2, as OpenSSL writes them; nothing: those that Python thinks safe.",
        section="TLS",
        flags=("--ciphers", "--ssl-ciphers"),
    )
    tls_min: TLSVersion = setting(
        TLSVersion("1.2"),
        "Speak no version of TLS below this.",
        section="TLS",
        flags=("--tls-min", "--ssl-protocol-min"),
    )
    handshake_timeout: Seconds = setting(
        Seconds(10.0),
        "Close a connection whose TLS handshake takes longer than this.",
        section="TLS",
        flags=("--handshake-timeout", "--ssl-handshake-timeout"),
        at_least=0,
    )

    workers: Count = setting(
        Count(1),
        "Serve with this many processes, which a supervisor starts, watches and replaces; 1: in this one, without.",
        section="Processes",
        flags=("-w", "--workers"),
        platform={"WEB_CONCURRENCY": "{}"},
        at_least=1,
    )
    supervise: Switch = setting(
        Switch(0),
        "Have a supervisor watch and replace the process that serves, even if it is only one.",
        section="Processes",
    )
    preload: Switch = setting(
        Switch(0),
        "Import the application once, in a process that forks the workers: saves memory and time.",
        section="Processes",
    )
    worker_timeout: Seconds = setting(
        Seconds(30.0),
        "Kill and replace a worker that gives no sign of life for this long; long handlers are none. 0: never.",
        section="Processes",
        flags=("--worker-timeout", "-t", "--timeout", "--timeout-worker-healthcheck"),
        at_least=0,
    )
    max_requests: Count = setting(
        Count(0),
        "Replace a worker after so many requests, the new one ready first; 0: never.",
        section="Processes",
        flags=("--max-requests", "--limit-max-requests"),
        at_least=0,
    )
    max_requests_jitter: Count = setting(
        Count(0),
        "Add a random number up to this to the most requests of each worker, so that not all are replaced at once.",
        section="Processes",
        flags=("--max-requests-jitter", "--limit-max-requests-jitter"),
        at_least=0,
    )
    max_rss: Mebibytes = setting(
        Mebibytes(0),
        "Replace a worker that takes more memory than this, in MiB unless it says so; 0: never.",
        section="Processes",
        flags=("--max-rss", "--workers-max-rss"),
        at_least=0,
    )
    max_lifetime: Seconds = setting(
        Seconds(0.0),
        "Replace a worker that is older than this; 0: never.",
        section="Processes",
        flags=("--max-lifetime", "--workers-lifetime"),
        at_least=0,
    )
    user: Text = setting(
        Text(""),
        "Be this user once it listens, before the application is imported: a name or a number.",
        section="Processes",
        flags=("-u", "--user"),
    )
    group: Text = setting(
        Text(""),
        "Be of this group once it listens; nothing: of the user's.",
        section="Processes",
        flags=("-g", "--group"),
    )
    umask: Mask = setting(
        Mask(-1),
        "Take these permissions from files that the application makes; nothing: as the process was started.",
        section="Processes",
        flags=("-m", "--umask"),
    )
    pid: FileName = setting(
        FileName(""),
        "Write the number of the process, the supervisor's if there is one, to this file.",
        section="Processes",
        flags=("-p", "--pid", "--pidfile", "--pid-file"),
    )
    name: Text = setting(
        Text(""),
        "Call the processes so in lists such as those of ps and top, where the system lets us; nothing: ehttpd.",
        section="Processes",
        flags=("-n", "--name", "--process-name", "--proc-name"),
    )
    hooks: Text = setting(
        Text(""),
        "Call the functions of this module, or of module:object, at turns of the life of supervisor and workers.",
        section="Processes",
    )

    forwarded_allow_ips: Networks = setting(
        Networks(()),
        "Believe these proxies what they say of clients in Forwarded and X-Forwarded-*; leave it out from others. "
        "unix: who comes by a Unix socket; *: everybody.",
        section="Proxies",
        flags=("--forwarded-allow-ips", "--trusted-proxy"),
        aliases={"--no-proxy-headers": ""},
        platform={"FORWARDED_ALLOW_IPS": "{}"},
    )
    forwarded_hops: Count = setting(
        Count(0),
        "Believe so many entries from the end of these fields, one for each proxy; 0: as long as they are trusted.",
        section="Proxies",
        flags=("--forwarded-hops", "--trusted-proxy-count"),
        at_least=0,
    )
    forwarded_fields: ForwardingFields = setting(
        ForwardingFields(ForwardingFields.NAMES),
        "Believe these fields only, which the proxies set in every request; leave the others out.",
        section="Proxies",
        flags=("--forwarded-fields", "--trusted-proxy-headers"),
    )
    proxy_protocol: ProxyProtocol = setting(
        ProxyProtocol("off"),
        "Expect the PROXY protocol at the beginning of each connection: v1, v2, on (either) or off.",
        section="Proxies",
        alone="on",
    )
    proxy_allow_ips: Networks = setting(
        Networks(("127.0.0.1", "::1", "unix")),
        "Take the PROXY protocol from these addresses, and refuse other connections. unix and * as above.",
        section="Proxies",
        flags=("--proxy-allow-ips", "--proxy-allow-from"),
    )
    url_prefix: Path = setting(
        Path(""),
        "Serve the application below this path: it is SCRIPT_NAME, and cut off from paths that begin with it.",
        section="Proxies",
        flags=("--url-prefix", "--root-path", "--url-path-prefix"),
    )
    url_scheme: Scheme = setting(
        Scheme(""),
        "Tell the application this scheme, http or https; nothing: that of the connection.",
        section="Proxies",
    )

    threads: Threads = setting(
        Threads(1, 32),
        "Run handlers on this many threads; a range grows under pressure and shrinks again.",
        section="Threads",
        flags=("--threads", "--blocking-threads"),
    )
    thread_stack_size: StackSize = setting(
        StackSize(0), "Give each thread a stack of this size; 0: what the platform gives.", section="Threads"
    )
    thread_idle_timeout: Seconds = setting(
        Seconds(30.0),
        "End a thread that had nothing to do for this long, down to the minimum.",
        section="Threads",
        flags=("--thread-idle-timeout", "--thread-idle", "--blocking-threads-idle-timeout"),
        at_least=0,
    )
    queue_limit: Count = setting(
        Count(512),
        "Let this many requests wait while every thread is busy; answer 503 beyond it.",
        section="Threads",
        flags=("--queue-limit", "--limit-concurrency", "--backpressure"),
        at_least=0,
    )
    queue_timeout: Seconds = setting(
        Seconds(10.0),
        "Answer 503 to a request that waited this long for a thread.",
        section="Threads",
        at_least=0,
    )
    request_timeout: Seconds = setting(
        Seconds(0.0),
        "Answer 504 when a handler has not begun its response after this; its thread is replaced. 0: wait for ever.",
        section="Threads",
        at_least=0,
    )
    max_stuck_threads: Count = setting(
        Count(16),
        "Replace this many threads whose handlers exceeded the request timeout; then the health path answers 503.",
        section="Threads",
        at_least=0,
    )
    max_upgrades: Count = setting(
        Count(1000),
        "Let this many connections leave HTTP, on threads of their own (WebSockets, for one); answer 503 beyond it.",
        section="Threads",
        at_least=0,
    )
    max_waiting_threads: Count = setting(
        Count(128),
        "Let this many threads, beside the others, wait for slow clients; beyond it they keep others waiting.",
        section="Threads",
        at_least=0,
    )
    max_event_streams: Count = setting(
        Count(1000),
        "Let this many event streams be open that hold a thread of their own each; answer 503 beyond it.",
        section="Threads",
        at_least=0,
    )
    health_path: Path = setting(
        Path(""),
        "Answer this path at once, whatever the threads do: 200, or 503 when draining or out of threads to replace.",
        section="Threads",
    )

    keep_alive_timeout: Seconds = setting(
        Seconds(5.0),
        "Close a persistent connection that rests longer than this between two requests.",
        section="Timeouts",
        flags=("--keep-alive", "--timeout-keep-alive", "--channel-timeout"),
        at_least=0,
    )
    header_timeout: Seconds = setting(
        Seconds(10.0),
        "Refuse with 408 a request whose head takes longer than this.",
        section="Timeouts",
        aliases={"--http1-header-read-timeout": "{}ms"},
        flags=("--header-timeout", "--read-timeout"),
        at_least=0,
    )
    body_timeout: Seconds = setting(
        Seconds(30.0),
        "Refuse with 408 a request whose body pauses for longer than this.",
        section="Timeouts",
        at_least=0,
    )
    send_timeout: Seconds = setting(
        Seconds(30.0),
        "Close a connection whose client takes nothing of a response for longer than this.",
        section="Timeouts",
        at_least=0,
    )
    minimum_rate: Bytes = setting(
        Bytes(256),
        "Give up on a client that sends or takes fewer bytes per second than this; 0: never.",
        section="Timeouts",
        flags=("--min-rate",),
        at_least=0,
    )
    linger_timeout: Seconds = setting(
        Seconds(2.0),
        "Wait this long, before closing, for a refused client to read its answer.",
        section="Timeouts",
        at_least=0,
    )
    graceful_timeout: Seconds = setting(
        Seconds(30.0),
        "When stopping, let what was accepted finish for at most this long.",
        section="Timeouts",
        flags=("--graceful-timeout", "--timeout-graceful-shutdown", "--workers-kill-timeout"),
        at_least=0,
    )

    drain_delay: Seconds = setting(
        Seconds(0.0),
        "When told to stop, be not ready for this long before it: accept still, and end connections with responses.",
        section="Timeouts",
        at_least=0,
    )

    limit_request_line: Bytes = setting(
        Bytes(8190), "Refuse with 414 a longer request line.", section="Limits", at_least=16
    )
    limit_request_head: Bytes = setting(
        Bytes(64 * 1024),
        "Refuse with 431 a longer request head.",
        section="Limits",
        flags=(
            "--limit-request-head",
            "--max-request-header-size",
            "--h11-max-incomplete-event-size",
            "--http1-buffer-size",
        ),
        at_least=16,
    )
    limit_request_fields: Count = setting(
        Count(100), "Refuse with 431 a request with more fields.", section="Limits", at_least=1
    )
    limit_request_field_size: Bytes = setting(
        Bytes(8190),
        "Refuse with 431 a request with a longer field line.",
        section="Limits",
        flags=("--limit-request-field-size", "--limit-request-field_size"),
        at_least=16,
    )
    limit_request_body: Bytes = setting(
        Bytes(0),
        "Refuse with 413 a longer request body; 0: no limit.",
        section="Limits",
        flags=("--limit-request-body", "--limit-body", "--max-request-body-size"),
        at_least=0,
    )

    stream_bodies: Switch = setting(
        Switch(0),
        "Call the application when the head of a request is there, and let it read the body while it arrives.",
        section="Memory",
    )
    body_memory: Bytes = setting(
        Bytes(1024 * 1024),
        "Keep a request body in memory up to this size, and in a temporary file beyond it.",
        section="Memory",
        at_least=0,
    )
    limit_buffered: Bytes = setting(
        Bytes(1024 * 1024 * 1024),
        "Hold no more than this of all clients' requests and unsent responses; answer 503 to bodies beyond it. 0: any.",
        section="Memory",
        at_least=0,
    )
    output_buffer: Bytes = setting(
        Bytes(1024 * 1024),
        "Release the thread once no more than this of its response is unsent.",
        section="Memory",
        at_least=0,
    )

    access_log: FileName = setting(
        FileName(""),
        "Log every request to this file; -: to the standard output; syslog: to the system's log; nothing: not at all.",
        section="Logging",
        flags=("--access-log", "--access-logfile"),
        aliases={"--no-access-log": ""},
        alone="-",
    )
    access_log_format: LineFormat = setting(
        LineFormat("combined"),
        "Write requests as common, combined, json, logfmt, dev (for people), or with atoms: '%(h)s %(s)s'.",
        section="Logging",
        flags=("--access-log-format", "--access-logformat", "--access-log-fmt"),
    )
    error_log: FileName = setting(
        FileName("-"),
        "Log messages to this file; -: to the standard error; syslog: to the system's log.",
        section="Logging",
        flags=("--error-log", "--error-logfile", "--log-file"),
    )
    log_level: LogLevel = setting(LogLevel("info"), "Log messages from this level upwards.", section="Logging")
    log_format: LogFormat = setting(
        LogFormat("auto"),
        "Write messages as text, json or logfmt; auto: as text to a terminal, else as logfmt.",
        section="Logging",
    )
    log_config: FileName = setting(
        FileName(""),
        "Configure Python's logging with this file (TOML, or JSON if it is called so) instead: see dictConfig.",
        section="Logging",
    )
    log_slow: Seconds = setting(
        Seconds(0.0),
        "Log a request that takes longer than this, once and while it runs, with its stack. 0: never.",
        section="Logging",
        at_least=0,
    )
    request_id_header: Text = setting(
        Text(""),
        "Take the name of a request from this field, such as X-Request-ID; nothing, or no fit name there: make one.",
        section="Logging",
    )

    admin: AdminAddress = setting(
        AdminAddress(""),
        "Serve /status, /metrics, /healthz, /readyz, /stats.json, /threads here; a port alone: for this machine only.",
        section="Figures",
    )
    admin_remote_control: Switch = setting(
        Switch(False),
        "Let commands such as stop be given to the admin address from other machines, too.",
        section="Figures",
    )
    control_socket: ControlSocketKind = setting(
        ControlSocketKind("auto"),
        "Let ehttpd ctl, status and top reach this process, by a socket for its user and root alone (Linux).",
        section="Figures",
        alone="auto",
        aliases={"--no-control-socket": "off"},
    )
    ready_max_queue: Seconds = setting(
        Seconds(5.0),
        "Be not ready (/readyz answers 503) while a request has waited this long for a thread; 0: be ready anyway.",
        section="Figures",
        at_least=0,
    )
    statsd_host: Text = setting(
        Text(""), "Send figures to this statsd by UDP every second: host:port; nothing: to none.", section="Figures"
    )
    statsd_prefix: Text = setting(
        Text(""), "Put this before the name of every figure that statsd is sent.", section="Figures"
    )
    statsd_tags: Text = setting(
        Text(""),
        "Put these tags on every figure that statsd is sent, as DogStatsD reads them: name:value, with commas between.",
        section="Figures",
        flags=("--statsd-tags", "--dogstatsd-tags"),
    )

    server_header: Text = setting(
        Text(""),
        "Send this text as the Server field; nothing: send none.",
        section="Responses",
        flags=("--server-header", "--ident"),
        aliases={"--no-server-header": ""},
        alone="ehttpd",
    )
    date_header: Switch = setting(Switch(1), "Send a Date field.", section="Responses")
    header: FieldLines = setting(
        FieldLines(()), "Add this field to every response. May be given several times.", section="Responses"
    )

    def __init__(self, **values: object) -> None:
        self._adopt(_by_name({name: Given(value, "") for name, value in values.items() if value is not None}))

    @classmethod
    def from_sources(cls, *sources: Mapping[str, Given]) -> Settings:
        """Return the settings that ``sources`` give, the strongest first, and the defaults for the rest."""
        settings = cls.__new__(cls)
        settings._adopt({name: given for source in reversed(sources) for name, given in _by_name(source).items()})
        return settings

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Return the table: every declaration by name, in order."""
        return {name: entry for name, entry in vars(cls).items() if isinstance(entry, Setting)}

    def replace(self, **values: object) -> Settings:
        """Return a copy with other ``values``."""
        return self.from_sources({name: Given(value, "") for name, value in values.items()}, self.given)

    @property
    def given(self) -> dict[str, Given]:
        """What is not left to the defaults, and where it was given."""
        return {name: Given(getattr(self, name), origin) for name, origin in self._origins.items()}

    def origin(self, name: str) -> str:
        """Return where the value of ``name`` was given: a flag, variable or file, "argument" or "default"."""
        return self._origins[name] or "argument" if name in self._origins else "default"

    def _adopt(self, given: Mapping[str, Given]) -> None:
        table = self.declared()
        values = {name: entry.default for name, entry in table.items()}
        for name, gift in given.items():
            values[name] = read_given(table, name, gift)
        self.__dict__.update(values, _origins={name: gift.origin for name, gift in given.items()})

    if TYPE_CHECKING:
        _origins: dict[str, str]

    def __iter__(self) -> Iterator[tuple[str, Unit]]:
        return ((name, getattr(self, name)) for name in self.declared())

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Settings cannot be changed; tried to set {name!r}. See Settings.replace().")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and dict(self) == dict(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return "Settings(" + ", ".join(f"{name}={getattr(self, name)!r}" for name in self._origins) + ")"


def _by_name(source: Mapping[str, Given]) -> dict[str, Given]:
    """Return what a source gives by the names that settings have here."""
    table = Settings.declared()
    return {meant(table, name): given for name, given in source.items()}
