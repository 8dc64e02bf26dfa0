"""Other servers' flags in our words: one table for each server, for `ehttpd translate` and docs/coming-from.md.

The operator's room. Says what means the same; a flag that has no row means something that ehttpd does not do.
"""

from __future__ import annotations

from typing import NamedTuple

APP = "APP"  # stands for the application in a template


class Row(NamedTuple):
    """Flags of another server, and what they are here.

    Attributes:
        flags: their names, separated by blanks. With ``=`` behind them they take a value.
        ours: the same in our words, with ``{}`` for the value; nothing if it is to be left out.
        note: what differs, or why it is left out.
        socket: whether the value is an address, or else, without a colon, the path of a Unix socket.
    """

    flags: str
    ours: str
    note: str = ""
    socket: bool = False

    @property
    def names(self) -> list[str]:
        """The flags, without the sign that they take a value."""
        return self.flags.removesuffix("=").split()

    @property
    def takes_value(self) -> bool:
        """Whether a value follows."""
        return self.flags.endswith("=")


class Rival(NamedTuple):
    """Another server.

    Attributes:
        commands: what it is called by.
        rows: its flags.
        silent: what it does where nothing is said, in our words.
        trusts: whom it believes what proxies say, where nothing is said; nothing if it believes nobody.
        differs: what is different whatever the flags are.
    """

    commands: tuple[str, ...]
    rows: tuple[Row, ...]
    silent: tuple[str, ...] = ()
    trusts: str = ""
    differs: tuple[str, ...] = ()


SERVES = "ehttpd serves WSGI applications and native handlers"
NO_ASGI = "this is for ASGI applications, which ehttpd does not serve: stay with uvicorn, granian or hypercorn"
ONE_KIND = "there is one kind of worker: threads, as many as are needed"
TIMEOUT = "here it is for a process whose threads are all stuck; a deadline for each request is --request-timeout"
NO_UWSGI = "ehttpd speaks HTTP: let nginx use proxy_pass, not uwsgi_pass"
STRICT = "there are no switches for leniency: what is not HTTP is refused"
UNLIKE_US = "from this machine; ehttpd believes nobody unless told: --forwarded-allow-ips 127.0.0.1"
COMMON = (
    Row("--host=", "--host {}"),
    Row("--port=", "--port {}"),
    Row("--reload", "--reload"),
    Row("--factory", "--factory"),
    Row("--backlog=", "--backlog {}"),
    Row("--log-level=", "--log-level {}"),
)
GUNICORN = Rival(
    ("gunicorn",),
    (
        Row("-b --bind=", "--bind {}"),
        Row("-w --workers=", "--workers {}", "processes; each grows to 32 threads unless --threads says less"),
        Row("--threads=", "--threads {}"),
        Row("-k --worker-class=", "", ONE_KIND),
        Row("--worker-connections=", "--max-connections {}"),
        Row("--max-requests=", "--max-requests {}"),
        Row("--max-requests-jitter=", "--max-requests-jitter {}"),
        Row("-t --timeout=", "--worker-timeout {}", TIMEOUT),
        Row("--graceful-timeout=", "--graceful-timeout {}"),
        Row("--keep-alive=", "--keep-alive {}"),
        Row("--limit-request-line=", "--limit-request-line {}"),
        Row("--limit-request-fields=", "--limit-request-fields {}"),
        Row("--limit-request-field_size=", "--limit-request-field-size {}"),
        Row("--reload", "--reload", "use ehttpd dev while you write: it shows errors in the browser"),
        Row("--reload-extra-file=", "--reload-extra-file {}"),
        Row("--reload-engine=", "", "watchfiles is used where it is installed, else files are looked at"),
        Row("--preload", "--preload"),
        Row("--backlog=", "--backlog {}"),
        Row("--reuse-port", "--reuse-port"),
        Row("--chdir=", "--chdir {}"),
        Row("--pythonpath=", "--pythonpath {}"),
        Row("-e --env=", "--env {}"),
        Row("-p --pid=", "--pid {}"),
        Row("-u --user=", "--user {}"),
        Row("-g --group=", "--group {}"),
        Row("-m --umask=", "--umask {}"),
        Row("-n --name=", "--name {}"),
        Row("--forwarded-allow-ips=", "--forwarded-allow-ips {}"),
        Row("--proxy-protocol", "--proxy-protocol"),
        Row("--access-logfile=", "--access-log {}"),
        Row("--access-logformat=", "--access-log-format {}", "the same atoms; combined, json and logfmt have names"),
        Row("--error-logfile --log-file=", "--error-log {}"),
        Row("--log-level=", "--log-level {}"),
        Row("--log-config=", "--log-config {}"),
        Row("--statsd-host=", "--statsd-host {}"),
        Row("--statsd-prefix=", "--statsd-prefix {}"),
        Row("--dogstatsd-tags=", "--statsd-tags {}"),
        Row("--certfile=", "--certfile {}"),
        Row("--keyfile=", "--keyfile {}"),
        Row("--ca-certs=", "--ca-certs {}"),
        Row("--cert-reqs=", "--cert-reqs {}"),
        Row("--ciphers=", "--ciphers {}"),
        Row("--paste --paster=", "", "name the application in a module: from paste.deploy import loadapp; app = …"),
        Row("-c --config=", "", "a program is not run here: what it assigns is in this translation"),
        Row("-D --daemon", "", "let the service manager keep it running: ehttpd init systemd"),
        Row("--worker-tmp-dir=", "", "no file is needed to see whether a process lives"),
        Row("--no-sendfile", "", "files are sent with sendfile wherever that is possible"),
        Row("--capture-output", "", "the standard output is the application's own"),
        Row("-R --enable-stdio-inheritance", "", "the standard output is the application's own"),
        Row("--control-socket=", "", "ehttpd ctl needs no path; it knows a server by the number of its process"),
        Row("--no-control-socket", "--no-control-socket"),
        Row("--permit-obsolete-folding --strip-header-spaces --casefold-http-method", "", STRICT),
        Row("--permit-unconventional-http-method --permit-unconventional-http-version", "", STRICT),
    ),
    trusts=f"gunicorn believes X-Forwarded-Proto {UNLIKE_US}",
    differs=(
        "A process serves up to 32 requests at a time (--threads); gunicorn's sync worker serves one.",
        "A slow client or a connection that rests holds no thread, so a proxy in front is not needed for that.",
    ),
)
UVICORN = Rival(
    ("uvicorn",),
    (
        *COMMON,
        Row("--uds=", "--bind unix:{}"),
        Row("--fd=", "--bind fd:{}"),
        Row("--reload-dir=", "--reload-dir {}"),
        Row("--reload-include=", "--reload-include {}"),
        Row("--reload-exclude=", "--reload-exclude {}"),
        Row("--workers=", "--workers {}"),
        Row("--env-file=", "--env-file {}"),
        Row("--app-dir=", "--app-dir {}"),
        Row("--log-config=", "--log-config {}"),
        Row("--access-log", "--access-log"),
        Row("--no-access-log", "", "there is none unless --access-log is given"),
        Row("--forwarded-allow-ips=", "--forwarded-allow-ips {}"),
        Row("--proxy-headers", "", "X-Forwarded-* and Forwarded are believed of --forwarded-allow-ips"),
        Row("--no-proxy-headers", "--no-proxy-headers"),
        Row("--root-path=", "--url-prefix {}"),
        Row("--limit-concurrency=", "--queue-limit {}", "here it bounds who waits; --threads bounds who is served"),
        Row("--limit-max-requests=", "--max-requests {}"),
        Row("--limit-max-requests-jitter=", "--max-requests-jitter {}"),
        Row("--timeout-keep-alive=", "--keep-alive {}"),
        Row("--timeout-graceful-shutdown=", "--graceful-timeout {}"),
        Row("--timeout-worker-healthcheck=", "--worker-timeout {}"),
        Row("--h11-max-incomplete-event-size=", "--limit-request-head {}"),
        Row("--ssl-keyfile=", "--keyfile {}"),
        Row("--ssl-certfile=", "--certfile {}"),
        Row("--ssl-ca-certs=", "--ca-certs {}"),
        Row("--ssl-cert-reqs=", "--cert-reqs {}"),
        Row("--ssl-ciphers=", "--ciphers {}"),
        Row("--header=", "--header {}"),
        Row("--server-header", "--server-header"),
        Row("--no-server-header", "", "there is none unless --server-header is given"),
        Row("--date-header", "--date-header"),
        Row("--no-date-header", "--no-date-header"),
        Row("--interface=", "", SERVES),
        Row("--loop --ws --http --lifespan=", "", "it is about event loops and ASGI"),
        Row("--use-colors --no-use-colors", "", "there are colours where a terminal shows them; NO_COLOR: none"),
    ),
    silent=("--access-log",),
    trusts=f"uvicorn believes X-Forwarded-For and X-Forwarded-Proto {UNLIKE_US}",
    differs=(
        "uvicorn serves ASGI applications. ehttpd serves WSGI applications and native handlers: plain functions.",
    ),
)
GRANIAN = Rival(
    ("granian",),
    (
        *COMMON,
        Row("--uds=", "--bind unix:{}"),
        Row("--uds-permissions=", "--uds-mode {}"),
        Row("--interface=", "", SERVES),
        Row("--workers=", "--workers {}"),
        Row("--blocking-threads=", "--threads {}"),
        Row("--blocking-threads-idle-timeout=", "--thread-idle {}"),
        Row("--backpressure=", "--queue-limit {}", "here it bounds who waits; --threads bounds who is served"),
        Row("--http1-buffer-size=", "--limit-request-head {}"),
        Row("--http1-header-read-timeout=", "--header-timeout {}ms"),
        Row("--access-log", "--access-log"),
        Row("--no-access-log", "", "there is none unless --access-log is given"),
        Row("--access-log-fmt=", "--access-log-format {}"),
        Row("--log-config=", "--log-config {}"),
        Row("--ssl-certificate=", "--certfile {}"),
        Row("--ssl-keyfile=", "--keyfile {}"),
        Row("--ssl-ca=", "--ca-certs {}"),
        Row("--ssl-protocol-min=", "--tls-min {}"),
        Row("--url-path-prefix=", "--url-prefix {}"),
        Row("--workers-lifetime=", "--max-lifetime {}"),
        Row("--workers-max-rss=", "--max-rss {}"),
        Row("--workers-kill-timeout=", "--graceful-timeout {}"),
        Row("--working-dir=", "--chdir {}"),
        Row("--env-files=", "--env-file {}"),
        Row("--metrics", "--metrics", "as --admin 127.0.0.1:9090: metrics at /metrics, and a page to look at"),
        Row("--metrics-address=", "--metrics-address {}", "a part of what is --admin here"),
        Row("--metrics-port=", "--metrics-port {}", "a part of what is --admin here"),
        Row("--metrics-scrape-interval=", "", "figures are taken when somebody asks"),
        Row("--no-metrics", "", "there are none unless --admin is given"),
        Row("--reload-paths=", "--reload-dir {}"),
        Row("--reload-ignore-dirs --reload-ignore-patterns=", "--reload-exclude {}"),
        Row("--process-name=", "--name {}"),
        Row("--pid-file=", "--pid {}"),
        Row("--runtime-threads --runtime-blocking-threads=", "", "there is no second runtime"),
        Row("--loop --http --runtime-mode --task-impl=", "", "there is no event loop to choose"),
        Row("--ws --no-ws", "", "an application that speaks WebSocket needs no flag"),
        Row("--static-path-route --static-path-mount=", "", "name both at once: --static /static=FOLDER"),
        Row("--respawn-failed-workers", "", "a process that ends is always replaced"),
    ),
    differs=("Heads and bodies are bounded and must arrive in time: see the timeouts of ehttpd --help.",),
)
WAITRESS = Rival(
    ("waitress-serve", "waitress"),
    (
        Row("--listen=", "--bind {}"),
        Row("--host=", "--host {}"),
        Row("--port=", "--port {}"),
        Row("--unix-socket=", "--bind unix:{}"),
        Row("--unix-socket-perms=", "--uds-mode {}"),
        Row("--call", "--factory"),
        Row("--app=", APP),
        Row("--threads=", "--threads {}"),
        Row("--backlog=", "--backlog {}"),
        Row("--connection-limit=", "--max-connections {}"),
        Row("--channel-timeout=", "--keep-alive {}"),
        Row("--max-request-header-size=", "--limit-request-head {}"),
        Row("--max-request-body-size=", "--limit-request-body {}"),
        Row("--inbuf-overflow=", "--body-memory {}"),
        Row("--outbuf-high-watermark=", "--output-buffer {}"),
        Row("--url-prefix=", "--url-prefix {}"),
        Row("--url-scheme=", "--url-scheme {}"),
        Row("--ident=", "--server-header {}"),
        Row("--trusted-proxy=", "--forwarded-allow-ips {}"),
        Row("--trusted-proxy-count=", "--forwarded-hops {}"),
        Row("--trusted-proxy-headers=", "--forwarded-fields {}"),
        Row("--recv-bytes --send-bytes --cleanup-interval --asyncore-loop-timeout=", "", "there is nothing to tune"),
        Row("--outbuf-overflow --channel-request-lookahead=", "", "there is nothing to tune"),
        Row("--asyncore-use-poll", "", "the best poller of the system is always used"),
        Row("--no-ipv6 --no-ipv4", "", "bind 0.0.0.0 or [::]"),
        Row("--expose-tracebacks", "", "clients never see one; ehttpd dev shows them while you write"),
    ),
    silent=("--host 0.0.0.0", "--port 8080", "--threads 4", "--server-header waitress"),
    differs=("A whole response need not fit a buffer: files are sent with sendfile, streams piece by piece.",),
)
UWSGI = Rival(
    ("uwsgi",),
    (
        Row("--http --http-socket=", "--bind {}", socket=True),
        Row("-s --socket --uwsgi-socket=", "--bind {}", NO_UWSGI, socket=True),
        Row("--protocol=", "", "ehttpd speaks HTTP"),
        Row("-w --module --wsgi=", APP),
        Row("--wsgi-file --file=", APP),
        Row("--callable=", ":{}"),
        Row("--mount=", "", "name this application alone; --url-prefix says below which path it is"),
        Row("--static-map=", "--static {}"),
        Row("-p --processes --workers=", "--workers {}"),
        Row("--threads=", "--threads {}"),
        Row("--chdir=", "--chdir {}"),
        Row("--pythonpath --pp=", "--pythonpath {}"),
        Row("--env=", "--env {}"),
        Row("-l --listen=", "--backlog {}"),
        Row("--harakiri=", "--request-timeout {}", "the client gets 504; the process lives on"),
        Row("--max-requests=", "--max-requests {}"),
        Row("--reload-on-rss=", "--max-rss {}"),
        Row("--max-worker-lifetime=", "--max-lifetime {}"),
        Row("--uid=", "--user {}"),
        Row("--gid=", "--group {}"),
        Row("--pidfile=", "--pid {}"),
        Row("--chmod-socket=", "--uds-mode {}"),
        Row("--stats=", "--admin {}", socket=True),
        Row("--py-autoreload --py-auto-reload --python-autoreload --python-auto-reload=", "--reload"),
        Row("--touch-reload=", "", "send HUP to the supervisor: ehttpd ctl reload"),
        Row("--http-keepalive --so-keepalive", "", "connections persist"),
        Row("-M --master --enable-threads --die-on-term --vacuum --need-app --single-interpreter", "", "always so"),
        Row("--ini=", "", "its lines are in this translation"),
        Row("--xml --yaml --json=", "", "only an ini file is read here"),
        Row("--plugin --plugins=", "", "there is nothing to load"),
        Row("-H --home --virtualenv --venv=", "", "start the ehttpd of that environment: bin/ehttpd"),
        Row("--disable-logging -L", "", "requests are not logged unless --access-log is given"),
        Row("--logto --logto2=", "", "requests and messages have logs of their own: --access-log, --error-log"),
        Row("--lazy-apps", "", "always so, unless --preload is given"),
        Row("-d --daemonize --daemonize2=", "", "let the service manager keep it running: ehttpd init systemd"),
        Row("--buffer-size=", "--limit-request-head {}"),
        Row("--limit-post=", "--limit-request-body {}"),
    ),
    differs=("The uwsgi protocol, emperors, spoolers, timers and caches have no counterpart.",),
)
RIVALS = {"gunicorn": GUNICORN, "uvicorn": UVICORN, "granian": GRANIAN, "waitress": WAITRESS, "uwsgi": UWSGI}


def find(command: str) -> Rival | None:
    """Return the server that ``command`` starts, None if it is none that is known here."""
    return next((rival for rival in RIVALS.values() if command in rival.commands), None)
