"""What is served where nobody names an application: a file that is called like one, or what a Django project names.

The operator's room. Looks at files and runs nothing.
"""

from __future__ import annotations

import ast
import os

from ehttpd.errors import SettingsError

USUAL_FILES = ("app.py", "wsgi.py", "main.py")


def usual_application(folder: str) -> str:
    """Return the name of the application that ``folder`` has.

    Raises:
        SettingsError: it has none by the usual names.
    """
    for file in USUAL_FILES:
        if os.path.isfile(os.path.join(folder, file)):
            return file.removesuffix(".py")
    named = django_application(folder)
    if named:
        return named
    cure = (
        "Or name it in pyproject.toml, under [tool.ehttpd]: app = \"module:attribute\"\n"
        f"Looked for: {', '.join(USUAL_FILES)}, and the WSGI_APPLICATION of a Django project.\nSee ehttpd --help."
    )
    raise SettingsError("name the application to serve, such as module:attribute.", cure)


def django_application(folder: str) -> str:
    """Return what the settings that manage.py names have as WSGI_APPLICATION, or nothing."""
    for call in (node for node in nodes(os.path.join(folder, "manage.py")) if isinstance(node, ast.Call)):
        match call.args:
            case [ast.Constant("DJANGO_SETTINGS_MODULE"), ast.Constant(str(module))]:
                path = os.path.join(folder, *module.split("."))
                named = assigned(f"{path}.py", "WSGI_APPLICATION")
                place, _, attribute = named.rpartition(".")
                return f"{place}:{attribute}" if place else ""
    return ""


def assigned(path: str, name: str) -> str:
    """Return the text that is assigned to ``name`` in a file, or nothing."""
    for node in nodes(path):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(str(text))) if target == name:
                return text
    return ""


def nodes(path: str) -> list[ast.AST]:
    """Return all that a file of Python consists of; nothing if there is no such file, or none of Python."""
    try:
        with open(path, "rb") as file:
            return list(ast.walk(ast.parse(file.read())))
    except (OSError, SyntaxError, ValueError):
        return []
