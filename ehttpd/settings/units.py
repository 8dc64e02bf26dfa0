"""What settings are measured in: how an operator writes a duration, a size or a range, and how it is read."""

from __future__ import annotations

import math
import re

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without the 3 ms that typing takes
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar, NoReturn, Self


class Unit:
    """What a setting is measured in: how an operator writes it, and how it is read."""

    __slots__ = ()
    metavar = ""
    meaning = ""
    repeatable = False  # whether a flag that is given again adds to the first, instead of replacing it

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

    def plain(self) -> object:
        """Return the value as JSON has it, fit to be read again: durations in seconds, sizes in bytes."""
        if isinstance(self, Switch):
            return bool(self)
        if isinstance(self, (float, int)):
            return self
        return list(self) if isinstance(self, tuple) else self.written()


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
    """A size. Written as ``8190``, ``64k``, ``1m`` or ``2g``, by 1024; ``64KB`` and ``64KiB`` are the same."""

    __slots__ = ()
    metavar = "BYTES"
    meaning = "a size such as 8190, 64k or 1m"
    SUFFIXES: ClassVar = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(whole(read_number(without_octets(value), cls.SUFFIXES, cls.meaning), cls.meaning))

    def written(self) -> str:
        for suffix in ("g", "m", "k"):
            size = int(self.SUFFIXES[suffix])
            if self and self % size == 0:
                return f"{self // size}{suffix}"
        return str(self)


class Mebibytes(int, Unit):
    """A size of memory, in units of 1024 * 1024 octets. Written as ``300``, ``300m`` or ``2g``."""

    __slots__ = ()
    metavar = "MIB"
    meaning = "a number of MiB such as 300, or a size such as 300m or 2g"
    SUFFIXES: ClassVar = {"": 1.0, "m": 1.0, "g": 1024.0}

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(whole(read_number(without_octets(value), cls.SUFFIXES, cls.meaning), cls.meaning))


class StackSize(Bytes):
    """How large the stack of a thread is; 0: as the platform has it."""

    __slots__ = ()
    meaning = "0, or a size of at least 32k, such as 256k or 1m"
    LEAST: ClassVar = 32 * 1024  # Python's, see threading.stack_size

    @classmethod
    def read(cls, value: object) -> Self:
        size = super().read(value)
        if 0 < size < cls.LEAST:
            raise ValueError(cls.meaning)
        return size


class Count(int, Unit):
    """A number of things."""

    __slots__ = ()
    metavar = "N"
    meaning = "a whole number"

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(whole(read_number(value, {"": 1.0}, cls.meaning), cls.meaning))


class Switch(int, Unit):
    """On or off. As a flag it takes no value, and ``--no-…`` is its opposite."""

    __slots__ = ()
    meaning = "on or off"
    WORDS: ClassVar = {"on": 1, "yes": 1, "true": 1, "1": 1, "off": 0, "no": 0, "false": 0, "0": 0, "": 0}

    @classmethod
    def read(cls, value: object) -> Self:
        word = value.strip().lower() if isinstance(value, str) else str(int(value)) if isinstance(value, int) else "?"
        if word not in cls.WORDS:
            raise ValueError(cls.meaning)
        return cls(cls.WORDS[word])

    def written(self) -> str:
        return "on" if self else "off"


class Mode(int, Unit):
    """Who may read, write and connect: the permissions of a file, in octal digits."""

    __slots__ = ()
    metavar = "MODE"
    meaning = "permissions in octal digits, such as 0660; in TOML, 0o660"

    @classmethod
    def read(cls, value: object) -> Self:
        if isinstance(value, int) and not isinstance(value, bool):  # a program's, which writes 0o660
            mode = value
        elif isinstance(value, str) and re.fullmatch(r"(0o)?0?[0-7]{1,3}", value):
            mode = int(value.replace("o", ""), 8)
        else:
            raise ValueError(cls.meaning)
        if not 0 <= mode <= 0o777:
            raise ValueError(cls.meaning)
        return cls(mode)

    def written(self) -> str:
        return f"{self:04o}"


class Mask(Mode):
    """Which permissions files do not get that the process makes; -1, written as nothing: as it is."""

    __slots__ = ()
    meaning = "permissions in octal digits, such as 027; in TOML, 0o027"

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(-1) if value in ("", -1) else super().read(value)

    def written(self) -> str:
        return super().written() if self >= 0 else ""


class Path(str, Unit):
    """The path of a request, or nothing."""

    __slots__ = ()
    metavar = "PATH"
    meaning = "a path as clients send it, such as /healthz"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or (value and not re.fullmatch(r"/[!-\"$->@-~]*", value)):
            raise ValueError(cls.meaning)
        return cls(value)


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


class Networks(tuple[str, ...], Unit):
    """Who is believed: addresses and networks with commas or blanks between them, ``unix``, ``*``; or ``none``."""

    __slots__ = ()
    metavar = "ADDRESSES"
    meaning = "addresses and networks such as 10.0.0.0/8, unix (who comes by a Unix socket), * (everybody), or none"

    @classmethod
    def read(cls, value: object) -> Self:
        entries = value.replace(",", " ").split() if isinstance(value, str) else value
        if entries in (["none"], ("none",)):
            return cls(())
        if not isinstance(entries, (list, tuple)) or not all(isinstance(entry, str) for entry in entries):
            raise ValueError(cls.meaning)
        from ipaddress import ip_network  # dear, and seldom needed

        try:
            networks = {entry: str(ip_network(entry)) for entry in entries if entry not in ("*", "unix")}
            return cls(networks[entry] if "/" in entry else entry for entry in entries)
        except ValueError as error:
            raise ValueError(f"{cls.meaning} ({error})") from None

    def written(self) -> str:
        return ", ".join(self)


class ForwardingFields(tuple[str, ...], Unit):
    """Which fields that say how a request was forwarded are believed."""

    __slots__ = ()
    metavar = "FIELDS"
    NAMES = ("forwarded", *(f"x-forwarded-{name}" for name in ("for", "proto", "host", "port", "prefix")))
    meaning = "some of " + ", ".join(NAMES)

    @classmethod
    def read(cls, value: object) -> Self:
        names = value.replace(",", " ").split() if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            raise ValueError(cls.meaning)
        if not all(isinstance(name, str) and name.lower() in cls.NAMES for name in names):
            raise ValueError(cls.meaning)
        return cls(name.lower() for name in names)

    def written(self) -> str:
        return ", ".join(self)


class ProxyProtocol(str, Unit):
    """Which versions of the PROXY protocol connections begin with."""

    __slots__ = ()
    metavar = "VERSION"
    meaning = "off, v1, v2 or on (both)"
    WORDS: ClassVar = {"auto": "on", "true": "on", "": "off", "false": "off"}

    @classmethod
    def read(cls, value: object) -> Self:
        word = str(value).lower()
        word = cls.WORDS.get(word, word)
        if word not in ("off", "v1", "v2", "on"):
            raise ValueError(cls.meaning)
        return cls(word)


class ControlSocketKind(str, Unit):
    """Whether there is a control socket."""

    __slots__ = ()
    metavar = "auto or off"
    meaning = "auto (no file is needed) or off; for a socket with a path, give --admin unix:PATH"
    WORDS: ClassVar = {"on": "auto", "true": "auto", "false": "off"}

    @classmethod
    def read(cls, value: object) -> Self:
        word = str(value).lower()
        word = cls.WORDS.get(word, word)
        if word not in ("auto", "off"):
            raise ValueError(cls.meaning)
        return cls(word)


class Scheme(str, Unit):
    """The scheme of URLs, or nothing."""

    __slots__ = ()
    metavar = "SCHEME"
    meaning = "http or https"

    @classmethod
    def read(cls, value: object) -> Self:
        if value not in ("", "http", "https"):
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


class LogFormat(Text):
    """How messages are written; auto: as suits where they go."""

    __slots__ = ()
    metavar = "FORMAT"
    FORMATS = ("auto", "text", "json", "logfmt")
    meaning = "one of " + ", ".join(FORMATS)

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or value not in cls.FORMATS:
            raise ValueError(cls.meaning)
        return cls(value)


class Texts(tuple[str, ...], Unit):
    """Several texts. One of them, or a sequence."""

    __slots__ = ()
    metavar = "TEXT"
    meaning = "one text, or a list of texts"
    repeatable = True

    @classmethod
    def read(cls, value: object) -> Self:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
            raise ValueError(cls.meaning)
        texts = [text for text in texts if text]
        for text in texts:
            cls.check(text)
        return cls(texts)

    @classmethod
    def check(cls, text: str) -> None:
        """Raise ValueError if ``text`` is none of those that are meant here."""
        if "\0" in text or "\n" in text:
            raise ValueError(cls.meaning)

    def written(self) -> str:
        return ", ".join(self)


class FileNames(Texts):
    """Several files or folders."""

    __slots__ = ()
    metavar = "PATH"
    meaning = "the path of a file or folder, or a list of paths"


class Patterns(Texts):
    """Several patterns of file names, as a shell writes them."""

    __slots__ = ()
    metavar = "PATTERN"
    meaning = "a pattern such as *.html, or a list of patterns"


class Assignments(Texts):
    """Several variables with their values."""

    __slots__ = ()
    metavar = "NAME=VALUE"
    meaning = "a variable and its value such as DEBUG=1, or a list of these"

    @classmethod
    def check(cls, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*=[^\0]*", text, re.ASCII | re.DOTALL):
            raise ValueError(cls.meaning)


class Mounts(Texts):
    """Folders of files, each with the path that it is served below."""

    __slots__ = ()
    metavar = "PATH=FOLDER"
    meaning = "a path and a folder such as /static=public, or a list of these"

    @classmethod
    def check(cls, text: str) -> None:
        if not re.fullmatch(r"/[!-\"$-<>@-~]*=[^\0]+", text):
            raise ValueError(cls.meaning)


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


class ClientCertificates(Text):
    """Whether clients show a certificate."""

    __slots__ = ()
    metavar = "none|optional|required"
    CHOICES = ("none", "optional", "required")
    meaning = "none, optional or required (0, 1 or 2)"

    @classmethod
    def read(cls, value: object) -> Self:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2:  # ssl.CERT_REQUIRED is one
            return cls(cls.CHOICES[value])
        word = value.lower().removeprefix("cert_") if isinstance(value, str) else ""
        if word in ("0", "1", "2"):
            return cls(cls.CHOICES[int(word)])
        if word not in cls.CHOICES:
            raise ValueError(cls.meaning)
        return cls(word)


class TLSVersion(Text):
    """A version of TLS."""

    __slots__ = ()
    metavar = "1.2|1.3"
    VERSIONS = ("1.2", "1.3")
    meaning = "1.2 or 1.3"

    @classmethod
    def read(cls, value: object) -> Self:
        word = str(value).lower().removeprefix("tls").removeprefix("v")
        if word not in cls.VERSIONS:
            raise ValueError(cls.meaning)
        return cls(word)


class Addresses(tuple[str, ...], Unit):
    """Where to listen. One text with commas or blanks between the addresses, or a sequence of texts."""

    __slots__ = ()
    metavar = "ADDRESS"
    repeatable = True
    meaning = "one or more addresses such as 127.0.0.1:8000, :8000, unix:/run/app.sock, fd:3 or systemd"

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


class AdminAddress(Text):
    """Where the admin's own server listens, or nothing. A port alone is one of the loopback interface."""

    __slots__ = ()
    metavar = "ADDRESS"
    meaning = "an address such as :9100 (of this machine only), 10.0.0.7:9100 or unix:/run/admin.sock"

    @classmethod
    def read(cls, value: object) -> Self:
        if not isinstance(value, str) or not re.fullmatch(r"|unix:[^\0]+|[^\s/@]*:[0-9]{1,5}|[0-9]{1,5}", value):
            raise ValueError(cls.meaning)
        return cls(f"127.0.0.1:{value.removeprefix(':')}" if re.fullmatch(r":?[0-9]+", value) else value)


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


def without_octets(value: object) -> object:
    """Return a spelled size without the letters that say that octets are meant: ``64KiB`` and ``64kB`` are ``64k``."""
    return re.sub(r"(?<=[kmg])i?b\s*$", "", value, flags=re.IGNORECASE) if isinstance(value, str) else value


def whole(number: float, meaning: str) -> int:
    """Return ``number`` as an int if it is one."""
    if not math.isfinite(number) or number != int(number):
        raise ValueError(meaning)
    return int(number)
