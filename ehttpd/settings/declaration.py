"""How a setting is declared, and how a value that somebody gave for it is checked."""

from __future__ import annotations

from ehttpd.errors import SettingsError
from ehttpd.settings.units import Switch, Unit
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    U = TypeVar("U", bound=Unit)


class Setting:
    """The declaration of one setting. The type of its default is its unit.

    Attributes:
        section: where the reference has it.
        flags: how it is called on the command line; the first long one is shown.
        aliases: other servers' flags that mean the same, if what they are given is written in another way:
            ``{"--uds": "unix:{}", "--no-access-log": ""}``. One without ``{}`` takes no value.
        platform: variables by which a platform says the same: ``{"PORT": "0.0.0.0:{}"}``.
        alone: the value of a flag that is given without one; None if it needs one.
    """

    def __init__(
        self,
        default: Unit,
        sentence: str,
        *,
        flags: tuple[str, ...] = (),
        aliases: Mapping[str, str] = {},
        platform: Mapping[str, str] = {},
        alone: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        self.name = ""
        self.default = default
        self.unit = type(default)
        self.sentence = sentence
        self.section = ""
        self.flags = flags
        self.aliases = aliases
        self.platform = platform
        self.alone = alone
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
    def opposite(self) -> str:
        """The flag that switches it off; nothing if it is no switch."""
        return f"--no-{self.flag[2:]}" if self.unit is Switch else ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """Everything that the command line may call it."""
        opposite = self.opposite
        return (*self.flags, *self.aliases, opposite) if opposite else (*self.flags, *self.aliases)

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
            raise ValueError(f"at most {self.at_most}")
        return read


def setting(default: U, sentence: str, **details: Any) -> U:
    """Declare a setting. On the class the attribute is a `Setting`, on an instance a value like ``default``."""
    return Setting(default, sentence, **details)  # type: ignore[return-value]  # what instances hold


class Group:
    """A section of settings: a class whose attributes declare them."""

    def __init_subclass__(cls, section: str = "") -> None:
        for each in declarations(cls):
            each.section = section


def declarations(group: type) -> list[Setting]:
    """Return what a section declares, in order."""
    return [each for each in vars(group).values() if isinstance(each, Setting)]


class Given:
    """A value that somebody gave for a setting, and where: ``--threads``, ``EHTTPD_THREADS``, ``pyproject.toml``."""

    __slots__ = ("origin", "value")

    def __init__(self, value: object, origin: str) -> None:
        self.value = value
        self.origin = origin


def meant(table: Mapping[str, Setting], name: str) -> str:
    """Return the name of the setting that is called ``name``, or that has such a flag; ``name`` itself if none has."""
    if name in table:
        return name
    flag = "--" + name.replace("_", "-")
    return next((entry.name for entry in table.values() if flag in entry.flags), name)


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
        raise SettingsError(f"{where}{name} must be {expected}, not {as_given(given)!r}.") from None


def as_given(given: Given) -> object:
    """Return a value as the operator wrote it: a flag that may be given again makes a list of one text."""
    value = given.value
    return value[0] if given.origin.startswith("-") and isinstance(value, list) and len(value) == 1 else value


def did_you_mean(name: str, known: Mapping[str, Setting]) -> str:
    """Return a sentence that suggests the known name nearest to ``name``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_").lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
