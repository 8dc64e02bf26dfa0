"""What a gunicorn.conf.py assigns, read without running it: a program of somebody else's is not ours to run.

The operator's room. Knows literals; whatever is computed is told to be left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ehttpd.errors import SettingsError

# What is called in another way as a key than as a flag.
KEYS = {
    "accesslog": "access-logfile",
    "errorlog": "error-logfile",
    "loglevel": "log-level",
    "logconfig": "log-config",
    "access_log_format": "access-logformat",
    "raw_env": "env",
    "proc_name": "name",
    "pidfile": "pid",
    "keepalive": "keep-alive",
    "limit_request_field_size": "limit-request-field_size",
    "preload_app": "preload",
    "reload_extra_files": "reload-extra-file",
    "wsgi_app": "wsgi-app",
}


class Read(NamedTuple):
    """What a file says: flags with their values, and lines that could not be read."""

    words: list[str]
    application: str
    left_out: list[str]


def read_file(path: str) -> Read:
    """Return what a gunicorn.conf.py says.

    Raises:
        SettingsError: it cannot be read as Python.
    """
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except OSError as error:
        raise SettingsError(f"cannot read {path!r}: {(error.strerror or str(error)).lower()}.") from error
    except (SyntaxError, ValueError) as error:
        raise SettingsError(f"{path} is not Python: {error}.") from error
    words: list[str] = []
    left_out: list[str] = []
    application = ""
    for node in tree.body:
        name, value, known = assigned(node)
        if not name:
            left_out += [f"{path}:{node.lineno}: {what}" for what in [computed(node)] if what]
        elif not known:
            left_out.append(f"{path}:{node.lineno}: {name} is computed")
        elif name == "wsgi_app":
            application = str(value)
        else:
            words += flags_of(KEYS.get(name, name.replace("_", "-")), value)
    return Read(words, application, left_out)


def assigned(node: ast.stmt) -> tuple[str, object, bool]:
    """Return what a statement assigns to, the value, and whether that is a literal."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        target, value = node.target, node.value
    else:
        return "", None, False
    if not isinstance(target, ast.Name) or target.id.startswith("_"):
        return "", None, False
    try:
        return target.id, ast.literal_eval(value), True
    except ValueError:
        return target.id, None, False


def computed(node: ast.stmt) -> str:
    """Return what a statement is that assigns nothing, if it matters."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"{node.name}() is a hook or helper: hooks are functions of a module here (--hooks)"
    return "it is computed" if isinstance(node, ast.If | ast.For | ast.With | ast.Try | ast.Assign) else ""


def flags_of(name: str, value: object) -> Iterator[str]:
    """Yield a key as the flag that it is, with its value; of several values, each with its flag."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if each is True:
            yield f"--{name}"
        elif each is not False and each is not None and each != "":
            yield from (f"--{name}", oct(each) if name == "umask" and isinstance(each, int) else str(each))
