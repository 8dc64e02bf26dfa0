"""What to tell an operator whose application cannot be served: what happened, why, and what to do.

Words only; finding and importing is application.py's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import ModuleType

from ehttpd.errors import ApplicationImportError
from ehttpd.launch.kind import SERVABLE, Kind, kind_of
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from traceback import FrameSummary

FRAMES = 3  # of the application's own, the innermost: enough to find the line, few enough to be read
USUAL_MODULES = ("app", "wsgi", "main")  # of a package that has no application itself
LISTED = 5  # names of callables; more would hide the one that is meant
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return those of ``known`` that may have been meant, the best first."""
    from difflib import get_close_matches

    return get_close_matches(word, known, n=count)


def file_missing(path: str) -> ApplicationImportError:
    """There is no such file."""
    folder, name = os.path.split(path)
    try:
        neighbours = [entry for entry in os.listdir(folder or ".") if entry.endswith(".py") and entry != name]
    except OSError:
        neighbours = []
    near = [os.path.join(folder, entry) for entry in nearest(name, neighbours, 2)]
    hint = f"Did you mean {' or '.join(near)}?" if near else ""
    return ApplicationImportError(f"cannot find the file {path!r}.", hint)


def module_missing(name: str, missing: str, folder: str) -> ApplicationImportError:
    """Python knows no module ``missing``, which is ``name`` or a package around it. ``folder`` was searched first."""
    near = meant_instead(name, missing, folder)
    hints = [f"Did you mean {' or '.join(near)}?"] if near else []
    if place := folder_with(name, folder):
        from shlex import quote

        hints.append(f"It is in the folder {place!r}: --app-dir {quote(place)}")
    current = " (the current folder)" if folder == os.getcwd() else ""
    hints.append(f"Searched: {folder}{current}, then sys.path of {sys.executable}.")
    return ApplicationImportError(f"cannot import {name!r}: there is no module {missing!r}.", "\n".join(hints))


def meant_instead(name: str, missing: str, folder: str) -> list[str]:
    """Return what may have been meant by ``name``: a file, an attribute behind a dot instead of a colon, or modules."""
    if os.path.isfile(name):
        return [os.path.join(os.curdir, name)]
    place, _, attribute = missing.rpartition(".")
    module = sys.modules.get(place)
    if module is not None and hasattr(module, attribute):
        return [words_for(module, place, attribute)]
    return nearest(missing, neighbours_of(missing, folder), 2)


def neighbours_of(name: str, folder: str) -> list[str]:
    """Return the modules beside ``name``: those of its package, or of ``folder``."""
    from pkgutil import iter_modules

    package, _, _ = name.rpartition(".")
    places = getattr(sys.modules.get(package), "__path__", None) if package else [folder]
    return [f"{package}.{entry.name}".lstrip(".") for entry in iter_modules(places or [])]


def folder_with(name: str, folder: str) -> str:
    """Return the folder in ``folder`` that has the module ``name``, such as ``src``, or nothing."""
    path = name.replace(".", os.sep)
    for place in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        for file in (f"{path}.py", os.path.join(path, "__init__.py")):
            if os.path.isfile(os.path.join(folder, place, file)):
                return os.path.relpath(os.path.join(folder, place))
    return ""


def import_failed(what: str, error: BaseException) -> ApplicationImportError:
    """The application's own code raised ``error`` while ``what`` was done."""
    lines = [f"  {line}" for line in own_lines(error)]
    reason = " ".join(str(error).split())
    lines.append(f"{type(error).__name__}: {reason}" if reason else type(error).__name__)
    if isinstance(error, ModuleNotFoundError):
        lines.append(f"Is it installed for this Python? {sys.executable}")
    lines.append("The full traceback: ehttpd check, or --log-level debug")
    return ApplicationImportError(f"{what} failed in its own code:", "\n".join(lines))


def own_lines(error: BaseException) -> list[str]:
    """Return ``file:line  source`` for the innermost frames that belong to the application."""
    if isinstance(error, SyntaxError) and error.filename:
        return [f"{shown(error.filename)}:{error.lineno}  {(error.text or '').strip()}"]
    frames = application_frames(error)
    own = [frame for frame in frames if not any(place in frame.filename for place in INSTALLED)]
    return [f"{shown(frame.filename)}:{frame.lineno}  {frame.line}" for frame in (own or frames)[-FRAMES:]]


def application_frames(error: BaseException) -> list[FrameSummary]:
    """Return the frames of ``error`` without ours and without those of the import system."""
    from traceback import extract_tb

    from ehttpd.server.stacks import HOUSE

    return [
        frame
        for frame in extract_tb(error.__traceback__)
        if not frame.filename.startswith((HOUSE, "<frozen "))
        and not frame.filename.endswith(os.path.join("importlib", "__init__.py"))
    ]


def shown(filename: str) -> str:
    """Return a file name as short as it can be from here."""
    relative = os.path.relpath(filename)
    return filename if relative.startswith("..") else relative


def attribute_missing(module: ModuleType, place: str, attribute: str) -> ApplicationImportError:
    """The module has no such attribute; name what it has instead."""
    found = servable_names(module)
    near = nearest(attribute, [*found, *(name for name in vars(module) if not name.startswith("_"))])
    best = near or list(found)[:1]
    hints = [f"It has {listed(found)}."] if found else []
    hints += [f"Try: ehttpd {words_for(module, place, best[0])}"] if best else []
    return ApplicationImportError(f"{place!r} has no attribute {attribute!r}.", "\n".join(hints))


def words_for(module: ModuleType, place: str, attribute: str) -> str:
    """Return how to name ``attribute`` on the command line: a factory is called, and a shell wants that quoted."""
    makes = kind_of(getattr(module, attribute)) is Kind.FACTORY
    return f"'{place}:{attribute}()'" if makes else f"{place}:{attribute}"


def nothing_found(module: ModuleType, place: str, names: tuple[str, ...]) -> ApplicationImportError:
    """The operator named no attribute, and none of the usual ones is there."""
    found = servable_names(module)
    message = f"{place!r} has none of {', '.join(names)}."
    if found:
        return ApplicationImportError(message, f"It has {listed(found)}.\nTry: ehttpd {place}:{next(iter(found))}")
    inside = {entry.rpartition(".")[2] for entry in neighbours_of(f"{module.__name__}.", "")}
    usual = [name for name in USUAL_MODULES if name in inside]
    cure = f"Try: ehttpd {module.__name__}.{usual[0]}" if usual else f"Name what to serve: ehttpd {place}:attribute"
    return ApplicationImportError(message, cure)


def servable_names(module: ModuleType) -> dict[str, Kind]:
    """Return what ``module`` itself defines and we could serve, WSGI first."""
    kinds = {
        name: kind_of(value)
        for name, value in vars(module).items()
        if not name.startswith("_") and is_defined_in(module, value)
    }
    return {name: kinds[name] for kind in SERVABLE for name in kinds if kinds[name] is kind}


def listed(found: dict[str, Kind]) -> str:
    """Return the first names with their kinds."""
    names = [f"{name} ({kind.value})" for name, kind in found.items()]
    return ", ".join(names[:LISTED] + ["…"] * (len(names) > LISTED))


def is_defined_in(module: ModuleType, value: object) -> bool:
    """Return whether ``value`` was made by ``module`` rather than imported: a function of its own, or an instance."""
    # type() and not isinstance(): a proxy such as flask.request raises when it is asked what it stands for.
    if isinstance(value, type) or "Proxy" in type(value).__name__:
        return False
    if hasattr(type(value), "__get__"):
        return getattr(value, "__module__", None) == module.__name__
    return callable(value)


def not_servable(target: object, kind: Kind, place: str, attribute: str) -> ApplicationImportError:
    """What was found is not something we can serve."""
    name = f"{place}:{attribute}"
    if kind is Kind.ASGI:
        return asgi(target, name)
    if kind is Kind.ASYNCHRONOUS:
        cure = "Write it with def instead of async def: each call has a thread of its own."
        return ApplicationImportError(f"{name!r} is asynchronous; ehttpd calls plain functions.", cure)
    if kind is Kind.FACTORY:
        cure = f"If it makes the application, write: ehttpd '{name}()'"
        return ApplicationImportError(f"{name!r} takes no arguments, so it is neither WSGI nor native.", cure)
    if callable(target):
        cure = "A WSGI application takes (environ, start_response), a native handler (request)."
        return ApplicationImportError(f"{name!r} takes neither one argument nor two.", cure)
    return ApplicationImportError(f"{name!r} is {a_type(target)}, which cannot be called.")


def asgi(target: object, name: str) -> ApplicationImportError:
    """The application is written for ASGI servers."""
    framework = framework_of(target)
    maker = f" ({framework})" if framework else ""
    message = f"{name!r} is an ASGI application{maker}; ehttpd serves WSGI applications and native handlers."
    if framework == "django":
        return ApplicationImportError(message, "Serve the project's WSGI application: Django keeps it in wsgi.py.")
    return ApplicationImportError(message, f"Use an ASGI server: uvicorn {name}\nOr wrap it: a2wsgi.ASGIMiddleware(…)")


def framework_of(target: object) -> str:
    """Return the name of the installed package whose object ``target`` is, or nothing."""
    framework = type(target).__module__.partition(".")[0]
    file = getattr(sys.modules.get(framework), "__file__", None) or ""
    return framework if any(place in file for place in INSTALLED) else ""


def a_type(target: object) -> str:
    """Return the type of ``target`` with its article."""
    name = type(target).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
