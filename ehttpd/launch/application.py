"""Find and import what the operator named: ``module:attribute``, ``module``, ``module:factory()`` or a file.

The operator's room. Knows how an application is named and where Python looks for it; what to do with it is cli.py's.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from types import ModuleType

from ehttpd.errors import ApplicationImportError, SettingsError
from ehttpd.launch import failures
from ehttpd.launch.kind import SERVABLE, Kind, kind_of
from ehttpd.launch.surroundings import current_folder
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

USUAL_NAMES = ("application", "app", "create_app()")
NAME = r"(?P<place>[^:]+)(?::(?P<attribute>[A-Za-z_][\w.]*(?:\(\))?))?"
CALL_WITH_ARGUMENTS = r"[^:]+:[A-Za-z_][\w.]*\(.+\)"
MODULE_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"


class Application:
    """What the operator named: the callable, what it is written for, and where it was found."""

    def __init__(self, target: Any, kind: Kind, place: str, attribute: str) -> None:
        self.target = target
        self.kind = kind
        self.place = place
        self.attribute = attribute

    @property
    def name(self) -> str:
        """Return the name in full, even where the operator left the attribute to us."""
        return f"{self.place}:{self.attribute}"

    @property
    def description(self) -> str:
        """Return the kind, with the framework if the callable is an object of one."""
        framework = failures.framework_of(self.target)
        return f"{self.kind.value}, {framework}" if framework else self.kind.value


def find_application(named: str, folder: str = ".") -> Application:
    """Return the application that ``named`` names, imported. Modules are looked for in ``folder`` first.

    Raises:
        SettingsError: ``named`` is not the name of anything.
        ApplicationImportError: there is no such thing, it cannot be imported, or it cannot be served.
    """
    parts = re.fullmatch(NAME, named)
    if parts is None and re.fullmatch(CALL_WITH_ARGUMENTS, named):
        raise SettingsError(
            f"{named!r} gives arguments, and a factory is called without any.",
            "Name a function that calls it with them: module:create_app()",
        )
    if parts is None:
        raise SettingsError(f"{named!r} does not name an application.", "Write module:attribute or path/to/file.py.")
    place: str = parts["place"]
    module = import_place(place, folder)
    attribute = parts["attribute"] or usual_attribute(module, place)
    target = resolve(module, place, attribute)
    kind = kind_of(target)
    if kind not in SERVABLE:
        raise failures.not_servable(target, kind, place, attribute)
    return Application(target, kind, place, attribute)


def load_application(settings: Settings) -> Application:
    """Return the application that ``settings`` name, or else the one that this folder has, imported.

    Raises:
        OperatorError: this folder has been removed.
        SettingsError: nothing is named, and there is nothing that is usually served.
        ApplicationImportError: it cannot be imported or served.
    """
    here = current_folder()
    for folder in reversed(searched_as_well(settings)):
        search_first(os.path.abspath(folder))
    folder = os.path.join(here, settings.app_dir)
    named = settings.app or named_by_nobody(folder)
    if settings.factory and not named.endswith("()"):
        named += "()" if ":" in named else ":create_app()"
    return find_application(named, folder)


def searched_as_well(settings: Settings) -> list[str]:
    """Return the folders of ``pythonpath``: gunicorn separates them by commas, Python by colons."""
    return [folder for folder in ",".join(settings.pythonpath).replace(os.pathsep, ",").split(",") if folder]


def named_by_nobody(folder: str) -> str:
    """Return the name of the application that ``folder`` has. Raises SettingsError if it has none by a usual name."""
    from ehttpd.launch.usual import usual_application  # reads Python files, and what that takes is dear to import

    return usual_application(folder)


def import_place(place: str, folder: str) -> ModuleType:
    """Import a module by its name or by its file."""
    if place.endswith(".py") or os.sep in place:
        return import_file(place)
    if not re.fullmatch(MODULE_NAME, place):
        raise SettingsError(f"{place!r} is neither a module nor a file.", "Write module:attribute or path/to/file.py.")
    search_first(os.path.abspath(folder))
    return import_named(place)


def import_file(path: str) -> ModuleType:
    """Import a file as the module it is: from its folder, or from above the packages that it belongs to."""
    if not os.path.isfile(path):
        raise failures.file_missing(path)
    if not path.endswith(".py"):
        return import_script(path)
    folder, file = os.path.split(os.path.abspath(path))
    name = file.removesuffix(".py")
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = package if name == "__init__" else f"{package}.{name}"
    search_first(folder)
    module = import_named(name)
    if not os.path.samefile(module.__file__ or os.devnull, path):
        message = f"cannot import {path!r}: its name is that of another module, {module.__file__ or name!r}."
        raise ApplicationImportError(message, "Rename the file.")
    return module


def import_script(path: str) -> ModuleType:
    """Run a file of Python whose name does not end in ``.py``, such as mod_wsgi's, and return it as a module."""
    whole = os.path.abspath(path)
    folder, file = os.path.split(whole)
    search_first(folder)
    # Not the name without its end: shop.wsgi may import the package shop. And no bytecode is kept, for that of shop.py
    # would have the same name.
    module = ModuleType(re.sub(r"\W", "_", file))
    module.__file__ = whole
    sys.modules[module.__name__] = module
    try:
        with open(whole, "rb") as source:
            exec(compile(source.read(), whole, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise failures.import_failed(f"importing {path!r}", error) from error
    return module


def search_first(folder: str) -> None:
    """Make Python look for modules in ``folder`` before all others."""
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)


def import_named(name: str) -> ModuleType:
    """Import a module, and tell a module that is missing from one whose own code fails."""
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}.") and not failures.application_frames(error):
            raise failures.module_missing(name, missing, sys.path[0]) from error
        raise failures.import_failed(f"importing {name!r}", error) from error


def usual_attribute(module: ModuleType, place: str) -> str:
    """Return the first of the usual names that ``module`` has."""
    for name in USUAL_NAMES:
        if hasattr(module, name.removesuffix("()")):
            return name
    raise failures.nothing_found(module, place, USUAL_NAMES)


def resolve(module: ModuleType, place: str, attribute: str) -> object:
    """Return the attribute, of an attribute if there are dots, and what it returns if it ends in ``()``."""
    target: object = module
    for name in attribute.removesuffix("()").split("."):
        if not hasattr(target, name):
            raise failures.attribute_missing(module, place, attribute)
        target = getattr(target, name)
    return called(target, f"{place}:{attribute}") if attribute.endswith("()") else target


def called(factory: object, name: str) -> object:
    """Return what a factory makes."""
    if not callable(factory):
        raise ApplicationImportError(f"{name.removesuffix('()')!r} is {failures.a_type(factory)}, not a factory.")
    try:
        return factory()
    except (Exception, SystemExit) as error:
        raise failures.import_failed(f"calling {name!r}", error) from error
