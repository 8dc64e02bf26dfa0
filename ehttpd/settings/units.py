"""What settings are measured in: how an operator writes a duration, a size or a range, and how it is read."""

from __future__ import annotations

import math
import re

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar, Self


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
    MOST: ClassVar = 1e8  # three years: beyond what systems can wait for, there is no more to mean

    @classmethod
    def read(cls, value: object) -> Self:
        seconds = read_number(value, cls.SUFFIXES, cls.meaning)
        if not math.isfinite(seconds):
            raise ValueError(cls.meaning)
        if seconds > cls.MOST:
            raise ValueError(f"a duration of at most {cls.MOST:.0f} seconds")
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


class Choice(str, Unit):
    """One of a few words, in any case."""

    __slots__ = ()
    CHOICES: ClassVar[tuple[str, ...]] = ()
    SYNONYMS: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, value: object) -> Self:
        word = str(value).lower()
        word = cls.SYNONYMS.get(word, word)
        if word not in cls.CHOICES:
            raise ValueError(cls.meaning)
        return cls(word)


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


class Several(tuple[str, ...], Unit):
    """Several words, written with commas between them."""

    __slots__ = ()

    def written(self) -> str:
        return ", ".join(self)

    @staticmethod
    def words(value: object) -> object:
        """Return the words of a text, which have commas or blanks between them; anything else as it is."""
        return value.replace(",", " ").split() if isinstance(value, str) else value


class Texts(Several):
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
