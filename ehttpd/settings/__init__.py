"""Every setting, declared once: unit, default, bounds and one sentence, in the class of its section.

The operator's room. Flags, ``EHTTPD_*`` variables, ``[tool.ehttpd]`` keys, keyword arguments, ``--help`` and
``docs/settings.md`` are all derived from the table of `Settings`, whose sections are in the modules beside this one.
Knows nothing of argv, of files or of what a setting is used for.
"""

from __future__ import annotations

from functools import cache

from ehttpd.settings.application import ApplicationSettings, ReloadSettings
from ehttpd.settings.declaration import Given, Setting, declarations, meant, read_given
from ehttpd.settings.listening import Addresses, ListenSettings, TLSSettings
from ehttpd.settings.processes import ProcessSettings
from ehttpd.settings.proxies import ProxySettings
from ehttpd.settings.reporting import AdminAddress, FigureSettings, LogLevel, LogSettings
from ehttpd.settings.serving import (
    LimitSettings,
    MemorySettings,
    ResponseSettings,
    Threads,
    ThreadSettings,
    TimeoutSettings,
)
from ehttpd.settings.units import Bytes, Count, FileName, FileNames, Seconds, Switch, Unit
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NoReturn

__all__ = [
    "Addresses",
    "AdminAddress",
    "Bytes",
    "Count",
    "FileName",
    "FileNames",
    "Given",
    "LogLevel",
    "Seconds",
    "Setting",
    "Settings",
    "Switch",
    "Threads",
    "Unit",
    "meant",
    "read_given",
]


class Settings(
    ApplicationSettings,
    ReloadSettings,
    ListenSettings,
    TLSSettings,
    ProcessSettings,
    ProxySettings,
    ThreadSettings,
    TimeoutSettings,
    LimitSettings,
    MemorySettings,
    LogSettings,
    FigureSettings,
    ResponseSettings,
):
    """What the operator decided. Cannot be changed; `replace` makes another.

    A setting may also be called as any of its flags is: ``keep_alive`` after ``--keep-alive``. None: the default.

    Not a dataclass: ``dataclasses`` imports ``inspect``, which takes 19 ms of the 30 that ``import ehttpd`` may.

    Raises:
        SettingsError: a name is unknown, or a value has the wrong type or is out of bounds.
    """

    def __init__(self, **values: object) -> None:
        self._adopt(_by_name({name: Given(value, "") for name, value in values.items() if value is not None}))

    @classmethod
    def from_sources(cls, *sources: Mapping[str, Given]) -> Settings:
        """Return the settings that ``sources`` give, the strongest first, and the defaults for the rest."""
        settings = cls.__new__(cls)
        settings._adopt({name: given for source in reversed(sources) for name, given in _by_name(source).items()})
        return settings

    @classmethod
    @cache
    def declared(cls) -> dict[str, Setting]:
        """Return the table: every declaration by name, in order."""
        return {entry.name: entry for section in Settings.__bases__ for entry in declarations(section)}

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
