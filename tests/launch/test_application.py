"""What the operator names is found and imported, and what is wrong with it is said in a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.errors import ApplicationImportError, SettingsError
from ehttpd.launch.application import Application, find_application
from ehttpd.launch.kind import Kind

MOST_LINES = 6


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, empty. What a test imports is forgotten after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def write(file: str, *lines: str) -> None:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def failure(named: str) -> list[str]:
    with pytest.raises(ApplicationImportError) as caught:
        find_application(named)
    lines = [str(caught.value), *caught.value.cure.splitlines()]
    assert len(lines) <= MOST_LINES
    return lines


WSGI = "def {}(environ, start_response): ..."
NATIVE = "def {}(request): ..."


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("shop:application", "shop:application"),
        ("shop", "shop:application"),
        ("shop:make()", "shop:make()"),
        ("shop:site.wsgi", "shop:site.wsgi"),
        ("shop:site.make()", "shop:site.make()"),
        ("shop.py", "shop.py:application"),
        ("shop.py:make()", "shop.py:make()"),
        ("./shop.py:application", "./shop.py:application"),
    ],
)
def test_every_form_of_a_name_is_understood(named: str, found: str) -> None:
    write(
        "shop.py",
        WSGI.format("application"),
        "def make(): return application",
        "class site: wsgi = staticmethod(application); make = staticmethod(make)",
    )
    application = find_application(named)
    assert (application.name, application.kind) == (found, Kind.WSGI)


@pytest.mark.parametrize(
    ("lines", "attribute"),
    [
        ([WSGI.format("application"), NATIVE.format("app")], "application"),
        ([NATIVE.format("app"), "def create_app(): return app"], "app"),
        ([NATIVE.format("handler"), "def create_app(): return handler"], "create_app()"),
    ],
)
def test_without_an_attribute_the_usual_names_are_tried_in_turn(lines: list[str], attribute: str) -> None:
    write("shop.py", *lines)
    assert find_application("shop").attribute == attribute


def test_a_file_elsewhere_finds_its_neighbours() -> None:
    write("far/away/shop.py", "from shelf import app")
    write("far/away/shelf.py", NATIVE.format("app"))
    assert find_application("far/away/shop.py").kind is Kind.NATIVE


def test_a_file_of_a_package_is_imported_as_part_of_it() -> None:
    write("far/market/__init__.py")
    write("far/market/stall.py", "from .shelf import app")
    write("far/market/shelf.py", NATIVE.format("app"))
    assert find_application("far/market/stall.py").target.__module__ == "market.shelf"


@pytest.mark.parametrize("file", ["shop.wsgi", "noext", "far/shop.fcgi"])
def test_a_file_need_not_end_in_py(file: str) -> None:
    write(file, "import os, shop", "def application(environ, start_response): ...", "here = os.path.basename(__file__)")
    write(f"{Path(file).parent}/shop.py", "")
    application = find_application(f"./{file}")
    assert (application.kind, application.target.__globals__["here"]) == (Kind.WSGI, Path(file).name)


def test_a_file_that_fails_is_told_whatever_its_name_ends_in() -> None:
    write("shop.wsgi", "1 / 0")
    assert failure("./shop.wsgi")[:2] == ["importing './shop.wsgi' failed in its own code:", "  shop.wsgi:1  1 / 0"]
    assert failure("shop.wsgi")[1] == "Did you mean ./shop.wsgi?"


@pytest.mark.parametrize("named", ["shop:make('x')", "shop:make(1, b=2)", "./shop.py:site.make('a:b')"])
def test_a_factory_takes_no_arguments(named: str) -> None:
    with pytest.raises(SettingsError, match="arguments") as caught:
        find_application(named)
    assert "module:create_app()" in caught.value.cure


def test_a_file_with_the_name_of_another_module_is_not_mistaken_for_it() -> None:
    write("json.py", NATIVE.format("app"))
    assert failure("json.py")[0].startswith("cannot import 'json.py': its name is that of another module, ")


def test_a_framework_is_named_with_the_kind() -> None:
    pytest.importorskip("flask")
    write("shop.py", "import flask", "app = flask.Flask(__name__)")
    assert find_application("shop").description == "WSGI, flask"


def test_a_function_has_no_framework() -> None:
    assert Application(lambda request: None, Kind.NATIVE, "shop", "app").description == "native handler"


@pytest.mark.parametrize("named", [":app", "shop:", "shop:1", "shop:a:b", "a-b:app", "a..b", "shop:app("])
def test_what_names_nothing_is_wrong_usage(named: str) -> None:
    with pytest.raises(SettingsError):
        find_application(named)


@pytest.mark.parametrize("named", ["shop", "shop/__init__.py"])
def test_a_package_is_told_with_the_module_that_may_have_the_application(named: str) -> None:
    write("shop/__init__.py")
    write("shop/wsgi.py", WSGI.format("application"))
    assert failure(named)[1:] == ["Try: ehttpd shop.wsgi"]


def test_a_missing_module_is_told_with_near_names() -> None:
    write("shop/wsgi.py", WSGI.format("application"))
    write("shop/__init__.py")
    lines = failure("shop.wsgj")
    assert lines[:2] == ["cannot import 'shop.wsgj': there is no module 'shop.wsgj'.", "Did you mean shop.wsgi?"]
    assert failure("shup.wsgi")[:2] == ["cannot import 'shup.wsgi': there is no module 'shup'.", "Did you mean shop?"]
    assert failure("unlike")[1].startswith("Searched: ")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("shop.wsgi.application", "shop.wsgi:application"),
        ("shop.wsgi.make", "'shop.wsgi:make()'"),
        ("stall.app", "stall:app"),
    ],
)
def test_an_attribute_behind_a_dot_is_told_with_its_colon(named: str, meant: str) -> None:
    write("shop/__init__.py")
    write("shop/wsgi.py", WSGI.format("application"), "def make(): ...")
    write("stall.py", NATIVE.format("app"))
    assert failure(named)[1] == f"Did you mean {meant}?"


@pytest.mark.parametrize("file", ["my src/shop/wsgi.py", "my src/shop/wsgi/__init__.py"])
def test_a_module_in_a_folder_of_sources_is_told_with_the_flag(file: str) -> None:
    write(file, WSGI.format("application"))
    assert failure("shop.wsgi")[1] == "It is in the folder 'my src': --app-dir 'my src'"


def test_the_folder_that_was_searched_is_told(folder: Path) -> None:
    write("shop.py")
    write("src/stall.py")
    assert failure("shup")[2].startswith(f"Searched: {folder} (the current folder), then")
    with pytest.raises(ApplicationImportError) as caught:
        find_application("stoll", "src")
    near, searched = caught.value.cure.splitlines()
    assert near == "Did you mean stall?"
    assert searched.startswith(f"Searched: {folder / 'src'}, then")
    with pytest.raises(ApplicationImportError) as caught:
        find_application("shup", "nowhere")
    assert caught.value.cure.startswith(f"Searched: {folder / 'nowhere'}, then")


def test_a_module_in_a_module_that_is_no_package_is_missing() -> None:
    write("shop.py")
    assert failure("shop.wsgi")[0] == "cannot import 'shop.wsgi': there is no module 'shop.wsgi'."


def test_a_missing_file_is_told_with_near_names() -> None:
    write("far/shop.py")
    assert failure("far/shup.py") == ["cannot find the file 'far/shup.py'.", "Did you mean far/shop.py?"]
    assert failure("nowhere/shop.py") == ["cannot find the file 'nowhere/shop.py'."]
    Path("far/dark.py").mkdir()
    assert failure("far/dark.py") == ["cannot find the file 'far/dark.py'."]


def test_a_missing_attribute_is_told_with_what_is_there() -> None:
    write("shop.py", NATIVE.format("answer"), WSGI.format("application"), "from json import dumps", "size = 3")
    assert failure("shop:aplication") == [
        "'shop' has no attribute 'aplication'.",
        "It has application (WSGI), answer (native handler).",
        "Try: ehttpd shop:application",
    ]


def test_a_factory_is_suggested_with_its_brackets() -> None:
    write("shop.py", "def create_app(): ...")
    assert failure("shop:create_ap")[1:] == ["Try: ehttpd 'shop:create_app()'"]


def test_a_module_without_the_usual_names_is_told_with_what_is_there() -> None:
    write("shop.py", WSGI.format("site"))
    assert failure("shop")[1:] == ["It has site (WSGI).", "Try: ehttpd shop:site"]
    write("empty.py", "")
    assert failure("empty")[1:] == ["Name what to serve: ehttpd empty:attribute"]


def test_an_import_that_fails_inside_shows_the_frames_of_the_application_only() -> None:
    write("shop/__init__.py")
    write("shop/wsgi.py", "import shop.settings")
    write("shop/settings.py", "", "import redis_cache")
    lines = failure("shop.wsgi")
    assert lines[:4] == [
        "importing 'shop.wsgi' failed in its own code:",
        "  shop/wsgi.py:1  import shop.settings",
        "  shop/settings.py:2  import redis_cache",
        "ModuleNotFoundError: No module named 'redis_cache'",
    ]
    assert lines[4] == f"Is it installed for this Python? {sys.executable}"


def test_a_module_that_imports_itself_under_a_wrong_name_fails_in_its_own_code() -> None:
    write("shop.py", "import shop.wsgi")
    assert failure("shop.wsgi")[0] == "importing 'shop.wsgi' failed in its own code:"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("raise ValueError('many\\nlines')", "ValueError: many lines"),
        ("raise SystemExit('no configuration')", "SystemExit: no configuration"),
        ("raise RuntimeError", "RuntimeError"),
        ("def x(:", "SyntaxError: invalid syntax (shop.py, line 1)"),
    ],
)
def test_whatever_is_raised_inside_is_shown_with_its_line(line: str, error: str) -> None:
    write("shop.py", line)
    assert failure("shop")[1:3] == [f"  shop.py:1  {line}", error]


def test_a_factory_that_fails_shows_its_line() -> None:
    write("shop.py", "def make():", "    return 1 / 0")
    assert failure("shop:make()")[:3] == [
        "calling 'shop:make()' failed in its own code:",
        "  shop.py:2  return 1 / 0",
        "ZeroDivisionError: division by zero",
    ]


def test_a_factory_that_is_none_is_told() -> None:
    write("shop.py", "size = 3")
    assert failure("shop:size()") == ["'shop:size' is an int, not a factory."]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("app = 3", "'shop:app' is an int, which cannot be called."),
        ("def app(a, b, c, d): ...", "'shop:app' takes neither one argument nor two."),
        ("def app(): ...", "'shop:app' takes no arguments, so it is neither WSGI nor native."),
        ("async def app(request): ...", "'shop:app' is asynchronous; ehttpd calls plain functions."),
    ],
)
def test_what_cannot_be_served_is_told_with_the_reason(line: str, message: str) -> None:
    write("shop.py", line)
    assert failure("shop:app")[0] == message


def test_an_asgi_application_is_told_with_what_to_do_instead() -> None:
    write("api.py", "async def app(scope, receive, send): ...")
    assert failure("api") == [
        "'api:app' is an ASGI application; ehttpd serves WSGI applications and native handlers.",
        "Use an ASGI server: uvicorn api:app",
        "Or wrap it: a2wsgi.ASGIMiddleware(…)",
    ]


def test_the_asgi_application_of_django_is_told_with_its_wsgi_one() -> None:
    pytest.importorskip("django")
    write("asgi.py", "from django.core.handlers.asgi import ASGIHandler", "app = ASGIHandler.__new__(ASGIHandler)")
    lines = failure("asgi")
    assert lines[0].startswith("'asgi:app' is an ASGI application (django);")
    assert lines[1] == "Serve the project's WSGI application: Django keeps it in wsgi.py."
