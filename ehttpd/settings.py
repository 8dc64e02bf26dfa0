"""Every setting, declared once: unit, default, bounds, section and one sentence.

The operator's room. Flags, ``EHTTPD_*`` variables, ``[tool.ehttpd]`` keys, keyword arguments, ``--help`` and
``docs/settings.md`` are all derived from the table in `Settings`. Knows nothing of argv, of files or of what a
setting is used for.
"""

from __future__ import annotations

import math
import re

from ehttpd.errors import SettingsError

TYPE_CHECKING = False  # typing would be the dearest import of this module; a checker needs only the name
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar, NoReturn, Self, TypeVar

    U = TypeVar("U", bound="Unit")

# --- units ------------------------------------------------------------------------------------------------------


class Unit:
    """What a setting is measured in: how an operator writes it, and how it is read."""

    __slots__ = ()
    metavar = ""
    meaning = ""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return ``value``, as written by an operator or given by a program, in this unit.

        Raises:
            ValueError: it cannot be read. The text says what is expected, to follow "must be".
        """
        raise NotImplementedError

    def written(self) -> str:
        """Return the value as an operator would write it."""
        return str(self)


class Seconds(float, Unit):
    """A duration. Written as ``30``, ``0.5``, ``500ms``, ``2m`` or ``1h``."""

    __slots__ = ()
    metavar = "SECONDS"
    meaning = "a duration such as 30, 0.5, 500ms or 2m"
    SUFFIXES: ClassVar = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

    @classmethod
    def read(cls, value: object) -> Self:
        seconds = read_number(value, cls.SUFFIXES, cls.meaning)
        if not math.isfinite(seconds):
            raise ValueError(cls.meaning)
        return cls(seconds)

    def written(self) -> str:
        return f"{self * 1000:g}ms" if 0 < self < 1 else f"{self:g}s"


class Bytes(int, Unit):
    """A size. Written as ``8190``, ``64k``, ``1m`` or ``2g``, by 1024."""

    __slots__ = ()
    metavar = "BYTES"
    meaning = "a size such as 8190, 64k or 1m"
    SUFFIXES: ClassVar = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(whole(read_number(value, cls.SUFFIXES, cls.meaning), cls.meaning))

    def written(self) -> str:
        for suffix in ("g", "m", "k"):
            size = int(self.SUFFIXES[suffix])
            if self and self % size == 0:
                return f"{self // size}{suffix}"
        return str(self)


class Count(int, Unit):
    """A number of things."""

    __slots__ = ()
    metavar = "N"
    meaning = "a whole number"

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(whole(read_number(value, {"": 1.0}, cls.meaning), cls.meaning))


class Text(str, Unit):
    """A line of text, fit to be a field value."""

    __slots__ = ()
    metavar = "TEXT"
    meaning = "one line of printable ASCII"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
            raise ValueError(cls.meaning)
        return cls(value)


class FileName(Text):
    """The path of a file, ``-`` for the standard output, or nothing."""

    __slots__ = ()
    metavar = "FILE"
    meaning = "the path of a file, or - for the standard output"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(cls.meaning)
        return cls(value)


class LogLevel(Text):
    """How grave a message must be to be logged."""

    __slots__ = ()
    metavar = "LEVEL"
    LEVELS = ("debug", "info", "warning", "error", "critical")
    meaning = "one of " + ", ".join(LEVELS)

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or value.lower() not in cls.LEVELS:
            raise ValueError(cls.meaning)
        return cls(value.lower())


class Addresses(tuple[str, ...], Unit):
    """Where to listen. One text with commas or blanks between the addresses, or a sequence of texts."""

    __slots__ = ()
    metavar = "ADDRESS"
    meaning = "one or more addresses such as 127.0.0.1:8000, :8000, unix:/run/app.sock or fd:3"

    @classmethod
    def read(cls, value: object) -> Self:
        addresses = value.replace(",", " ").split() if isinstance(value, str) else value
        if not isinstance(addresses, (list, tuple)) or not addresses:
            raise ValueError(cls.meaning)
        if not all(isinstance(address, str) and address for address in addresses):
            raise ValueError(cls.meaning)
        return cls(addresses)

    def written(self) -> str:
        return ", ".join(self)


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


def read_number(value: object, suffixes: Mapping[str, float], meaning: str) -> float:
    """Return the number that ``value`` is or spells, multiplied by what its suffix stands for."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    spelled = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", value.lower()) if isinstance(value, str) else None
    if spelled is None or spelled[2] not in suffixes:
        raise ValueError(meaning)
    return float(spelled[1]) * suffixes[spelled[2]]


def whole(number: float, meaning: str) -> int:
    """Return ``number`` as an int if it is one."""
    if not math.isfinite(number) or number != int(number):
        raise ValueError(meaning)
    return int(number)


# --- a declaration ----------------------------------------------------------------------------------------------


class Setting:
    """The declaration of one setting. The type of its default is its unit."""

    def __init__(
        self,
        default: Unit,
        sentence: str,
        *,
        section: str,
        flags: tuple[str, ...] = (),
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        self.name = ""
        self.default = default
        self.unit = type(default)
        self.sentence = sentence
        self.section = section
        self.flags = flags
        self.at_least = at_least
        self.at_most = at_most

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        plain = "--" + name.replace("_", "-")
        self.flags = (*self.flags, plain) if plain not in self.flags else self.flags

    @property
    def flag(self) -> str:
        """The first long flag: the one to show."""
        return next(flag for flag in self.flags if flag.startswith("--"))

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "EHTTPD_" + self.name.upper()

    def read(self, value: object) -> Unit:
        """Return ``value`` in this setting's unit and within its bounds.

        Raises:
            ValueError: it is not. The text follows "must be".
        """
        read = self.unit.read(value)
        if self.at_least is not None and isinstance(read, (int, float)) and read < self.at_least:
            raise ValueError(f"at least {self.at_least:g}")
        if self.at_most is not None and isinstance(read, (int, float)) and read > self.at_most:
            raise ValueError(f"at most {self.at_most:g}")
        return read


def setting(default: U, sentence: str, **details: Any) -> U:
    """Declare a setting. On the class the attribute is a `Setting`, on an instance a value like ``default``."""
    return Setting(default, sentence, **details)  # type: ignore[return-value]  # what instances hold


class Given:
    """A value that somebody gave for a setting, and where: ``--threads``, ``EHTTPD_THREADS``, ``pyproject.toml``."""

    __slots__ = ("origin", "value")

    def __init__(self, value: object, origin: str) -> None:
        self.value = value
        self.origin = origin


# --- the table --------------------------------------------------------------------------------------------------


class Settings:
    """What the operator decided. Cannot be changed; `replace` makes another.

    Not a dataclass: ``dataclasses`` imports ``inspect``, which takes 19 ms of the 30 that ``import ehttpd`` may.

    Raises:
        SettingsError: a name is unknown, or a value has the wrong type or is out of bounds.
    """

    bind: Addresses = setting(
        Addresses(("127.0.0.1:8000",)),
        "Listen here: host:port, :port (every interface), unix:path or fd:number. May be given several times.",
        section="Listening",
        flags=("-b", "--bind", "--listen"),
    )
    backlog: Count = setting(
        Count(2048),
        "Let the kernel hold this many connections that are not yet accepted.",
        section="Listening",
        at_least=1,
    )
    max_connections: Count = setting(
        Count(0),
        "Accept no more connections than this at a time; 0: as many as the process may open.",
        section="Listening",
        at_least=0,
    )

    threads: Threads = setting(
        Threads(1, 32),
        "Run handlers on this many threads; a range grows under pressure and shrinks again.",
        section="Threads",
    )
    thread_idle_timeout: Seconds = setting(
        Seconds(30.0),
        "End a thread that had nothing to do for this long, down to the minimum.",
        section="Threads",
        flags=("--thread-idle-timeout", "--thread-idle"),
        at_least=0,
    )
    queue_limit: Count = setting(
        Count(512),
        "Let this many requests wait while every thread is busy; answer 503 beyond it.",
        section="Threads",
        at_least=0,
    )
    queue_timeout: Seconds = setting(
        Seconds(10.0),
        "Answer 503 to a request that waited this long for a thread.",
        section="Threads",
        at_least=0,
    )

    keep_alive_timeout: Seconds = setting(
        Seconds(5.0),
        "Close a persistent connection that rests longer than this between two requests.",
        section="Timeouts",
        flags=("--keep-alive",),
        at_least=0,
    )
    header_timeout: Seconds = setting(
        Seconds(10.0),
        "Refuse with 408 a request whose head takes longer than this.",
        section="Timeouts",
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
        at_least=0,
    )

    limit_request_line: Bytes = setting(
        Bytes(8190), "Refuse with 414 a longer request line.", section="Limits", at_least=16
    )
    limit_request_head: Bytes = setting(
        Bytes(64 * 1024), "Refuse with 431 a longer request head.", section="Limits", at_least=16
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
        Bytes(0), "Refuse with 413 a longer request body; 0: no limit.", section="Limits", at_least=0
    )

    body_memory: Bytes = setting(
        Bytes(1024 * 1024),
        "Keep a request body in memory up to this size, and in a temporary file beyond it.",
        section="Memory",
        at_least=0,
    )
    output_buffer: Bytes = setting(
        Bytes(256 * 1024),
        "Release the thread once no more than this of its response is unsent.",
        section="Memory",
        at_least=0,
    )

    access_log: FileName = setting(
        FileName(""),
        "Log every request to this file; -: to the standard output; nothing: not at all.",
        section="Logging",
    )
    log_level: LogLevel = setting(LogLevel("info"), "Log messages from this level upwards.", section="Logging")
    server_header: Text = setting(
        Text(""), "Send this text as the Server field; nothing: send none.", section="Logging"
    )

    def __init__(self, **values: object) -> None:
        self._adopt({name: Given(value, "") for name, value in values.items()})

    @classmethod
    def from_sources(cls, *sources: Mapping[str, Given]) -> Settings:
        """Return the settings that ``sources`` give, the strongest first, and the defaults for the rest."""
        settings = cls.__new__(cls)
        settings._adopt({name: given for source in reversed(sources) for name, given in source.items()})
        return settings

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Return the table: every declaration by name, in order."""
        return {name: entry for name, entry in vars(cls).items() if isinstance(entry, Setting)}

    def replace(self, **values: object) -> Settings:
        """Return a copy with other ``values``."""
        current = {name: Given(getattr(self, name), origin) for name, origin in self._origins.items()}
        return self.from_sources({name: Given(value, "") for name, value in values.items()}, current)

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


def read_given(table: Mapping[str, Setting], name: str, given: Given) -> Unit:
    """Return what was given for the setting ``name``, checked.

    Raises:
        SettingsError: unknown name, wrong type, or out of bounds.
    """
    where = f"{given.origin}: " if given.origin else ""
    if name not in table:
        raise SettingsError(f"{where}unknown setting {name!r}.{did_you_mean(name, table)}")
    try:
        return table[name].read(given.value)
    except ValueError as expected:
        raise SettingsError(f"{where}{name} must be {expected}, not {given.value!r}.") from None


def did_you_mean(name: str, known: Mapping[str, Setting]) -> str:
    """Return a sentence that suggests the known name nearest to ``name``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_").lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
