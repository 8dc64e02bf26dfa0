"""What requests may take of us, in threads, time, octets and memory; and what goes with every response.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

import re

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.units import Bytes, Count, Path, Seconds, Switch, Text, Texts, Unit, read_number, whole
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, NoReturn, Self


class Threads(Unit):
    """How many threads run handlers: at least ``minimum``, under pressure up to ``maximum``."""

    __slots__ = ("maximum", "minimum")
    metavar = "MAX or MIN:MAX"
    meaning = "a number such as 16 (the most), or a range such as 1:32, from 1 upwards"

    minimum: int
    maximum: int

    def __init__(self, minimum: int, maximum: int) -> None:
        if not 1 <= minimum <= maximum:
            raise ValueError(self.meaning)
        object.__setattr__(self, "minimum", minimum)
        object.__setattr__(self, "maximum", maximum)

    @classmethod
    def read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        bounds = value if isinstance(value, (tuple, list)) else str(value).split(":")
        numbers = [whole(read_number(bound, {"": 1.0}, cls.meaning), cls.meaning) for bound in bounds]
        if len(numbers) not in (1, 2):
            raise ValueError(cls.meaning)
        return cls(1 if len(numbers) == 1 else numbers[0], numbers[-1])

    def written(self) -> str:
        return f"{self.minimum}:{self.maximum}"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Threads cannot be changed; tried to set {name!r}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Threads) and self.written() == other.written()

    def __hash__(self) -> int:
        return hash((self.minimum, self.maximum))

    def __repr__(self) -> str:
        return f"Threads({self.minimum}, {self.maximum})"


class StackSize(Bytes):
    """How large the stack of a thread is; 0: as the platform has it."""

    __slots__ = ()
    meaning = "0, or a size from 32k to 1g, such as 256k or 1m"
    LEAST: ClassVar = 32 * 1024  # Python's, see threading.stack_size
    MOST: ClassVar = 1 << 30

    @classmethod
    def read(cls, value: object) -> Self:
        size = super().read(value)
        if size and not cls.LEAST <= size <= cls.MOST:
            raise ValueError(cls.meaning)
        return size


class FieldLines(Texts):
    """Several field lines, each ``name: value`` (RFC 9110 §5)."""

    __slots__ = ()
    metavar = "NAME:VALUE"
    meaning = "a field such as X-Served-By:web1, or a list of these"
    # Those that frame a message or concern its connection are the server's own.
    OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade", "trailer"})

    @classmethod
    def check(cls, text: str) -> None:
        name, colon, _ = text.partition(":")
        named = re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name)
        if not (named and colon and text.isascii() and text.isprintable()) or name.lower() in cls.OURS:
            raise ValueError(f"{cls.meaning}, and none that frames a message")


class ThreadSettings(Group, section="Threads"):
    """Who runs handlers, and how long requests wait for that."""

    threads: Threads = setting(
        Threads(1, 32),
        "Run handlers on this many threads; a range grows under pressure and shrinks again.",
        flags=("--threads", "--blocking-threads"),
    )
    thread_stack_size: StackSize = setting(
        StackSize(0), "Give each new thread of the process a stack of this size; 0: what the platform gives."
    )
    thread_idle_timeout: Seconds = setting(
        Seconds(30.0),
        "End a thread that had nothing to do for this long, down to the minimum.",
        flags=("--thread-idle-timeout", "--thread-idle", "--blocking-threads-idle-timeout"),
        at_least=0,
    )
    queue_limit: Count = setting(
        Count(512),
        "Let this many requests wait while every thread is busy; answer 503 beyond it.",
        flags=("--queue-limit", "--limit-concurrency", "--backpressure"),
        at_least=0,
    )
    queue_timeout: Seconds = setting(
        Seconds(10.0),
        "Answer 503 to a request that waited this long for a thread.",
        at_least=0,
    )
    request_timeout: Seconds = setting(
        Seconds(0.0),
        "Answer 504 when a handler has not begun its response after this; its thread is replaced. 0: wait for ever.",
        at_least=0,
    )
    max_stuck_threads: Count = setting(
        Count(16),
        "Replace this many threads whose handlers exceeded the request timeout; then the health path answers 503.",
        at_least=0,
    )
    max_upgrades: Count = setting(
        Count(1000),
        "Let this many connections leave HTTP, on threads of their own (WebSockets, for one); answer 503 beyond it.",
        at_least=0,
    )
    max_waiting_threads: Count = setting(
        Count(128),
        "Let this many threads, beside the others, wait for slow clients; beyond it they keep others waiting.",
        at_least=0,
    )
    max_event_streams: Count = setting(
        Count(1000),
        "Let this many event streams be open that hold a thread of their own each; answer 503 beyond it.",
        at_least=0,
    )
    health_path: Path = setting(
        Path(""),
        "Answer this path at once, whatever the threads do: 200, or 503 when draining or out of threads to replace.",
    )


class TimeoutSettings(Group, section="Timeouts"):
    """How long things may take."""

    keep_alive_timeout: Seconds = setting(
        Seconds(5.0),
        "Close a persistent connection that rests longer than this between two requests. 0: none persists.",
        flags=("--keep-alive", "--timeout-keep-alive", "--channel-timeout"),
        at_least=0,
    )
    header_timeout: Seconds = setting(
        Seconds(10.0),
        "Refuse with 408 a request whose head takes longer than this.",
        aliases={"--http1-header-read-timeout": "{}ms"},
        flags=("--header-timeout", "--read-timeout"),
        at_least=0.001,
    )
    body_timeout: Seconds = setting(
        Seconds(30.0),
        "Refuse with 408 a request whose body pauses for longer than this.",
        at_least=0.001,
    )
    send_timeout: Seconds = setting(
        Seconds(30.0),
        "Close a connection whose client takes nothing of a response for longer than this.",
        at_least=0.001,
    )
    minimum_rate: Bytes = setting(
        Bytes(256),
        "Give up on a client that sends or takes fewer bytes per second than this; 0: never.",
        flags=("--min-rate",),
        at_least=0,
    )
    linger_timeout: Seconds = setting(
        Seconds(2.0),
        "Wait this long, before closing, for a refused client to read its answer.",
        at_least=0,
    )
    graceful_timeout: Seconds = setting(
        Seconds(30.0),
        "When stopping, let what was accepted finish for at most this long.",
        flags=("--graceful-timeout", "--timeout-graceful-shutdown", "--workers-kill-timeout"),
        at_least=0,
    )
    drain_delay: Seconds = setting(
        Seconds(0.0),
        "When told to stop, be not ready for this long before it: accept still, and end connections with responses.",
        at_least=0,
    )


class LimitSettings(Group, section="Limits"):
    """How large requests may be."""

    limit_request_line: Bytes = setting(
        Bytes(8190), "Refuse with 414 a longer request line.", at_least=16
    )
    limit_request_head: Bytes = setting(
        Bytes(64 * 1024),
        "Refuse with 431 a longer request head.",
        flags=(
            "--limit-request-head",
            "--max-request-header-size",
            "--h11-max-incomplete-event-size",
            "--http1-buffer-size",
        ),
        at_least=16,
    )
    limit_request_fields: Count = setting(
        Count(100), "Refuse with 431 a request with more fields.", at_least=1
    )
    limit_request_field_size: Bytes = setting(
        Bytes(8190),
        "Refuse with 431 a request with a longer field line.",
        flags=("--limit-request-field-size", "--limit-request-field_size"),
        at_least=16,
    )
    limit_request_body: Bytes = setting(
        Bytes(0),
        "Refuse with 413 a longer request body; 0: no limit.",
        flags=("--limit-request-body", "--limit-body", "--max-request-body-size"),
        at_least=0,
    )


class MemorySettings(Group, section="Memory"):
    """What is held of requests and responses."""

    stream_bodies: Switch = setting(
        Switch(0),
        "Call the application when the head of a request is there, and let it read the body while it arrives.",
    )
    body_memory: Bytes = setting(
        Bytes(1024 * 1024),
        "Keep a request body in memory up to this size, and in a temporary file beyond it.",
        at_least=0,
    )
    limit_buffered: Bytes = setting(
        Bytes(1024 * 1024 * 1024),
        "Hold no more than this of all clients' requests and unsent responses; answer 503 to bodies beyond it. 0: any.",
        at_least=0,
    )
    output_buffer: Bytes = setting(
        Bytes(1024 * 1024),
        "Let a stream be ahead of its client by this; beyond it its thread waits, until no more than half is unsent.",
        at_least=0,
    )


class ResponseSettings(Group, section="Responses"):
    """What goes with every response."""

    server_header: Text = setting(
        Text(""),
        "Send this text as the Server field; nothing: send none.",
        flags=("--server-header", "--ident"),
        aliases={"--no-server-header": ""},
        alone="ehttpd",
    )
    date_header: Switch = setting(Switch(1), "Send a Date field.")
    header: FieldLines = setting(
        FieldLines(()), "Add this field to every response. May be given several times."
    )
