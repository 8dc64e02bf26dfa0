"""Which files are watched, and what is told of them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.develop.changes import Changes, Polling, Watched, distinct, watching
from ehttpd.errors import SettingsError
from ehttpd.settings import Settings

PATIENCE = 20.0  # Seconds, for the operating system to tell of a change.
FILES = (
    "app.py", "app.wsgi", "templates/page.html", "static/site.css", ".git/hook.py", "node_modules/a/a.py",
    "venv/pyvenv.cfg", "venv/lib/a.py", "shop/views.py", "shop/__pycache__/views.py", "shop/data.csv", ".env",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, as the current folder."""
    project = tmp_path / "project"
    for name in FILES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    monkeypatch.chdir(project)
    return project


def watched(**settings: object) -> list[str]:
    return sorted(os.path.relpath(path) for path in Watched(Settings(**settings)).files())


def test_python_and_templates_are_watched_and_nobody_elses_code() -> None:
    assert watched() == [".env", "app.py", "app.wsgi", "shop/views.py", "templates/page.html"]


def test_the_operator_may_want_more_or_less() -> None:
    assert watched(reload_include=["*.css", "*.csv"], reload_exclude=["templates", "app.py"]) == [
        ".env", "app.wsgi", "shop/data.csv", "shop/views.py", "static/site.css",
    ]  # fmt: skip
    assert watched(reload_include=["shop/*.csv", "static/site.css"], reload_exclude=["*.py", "*.wsgi", "*.html"]) == [
        ".env", "shop/data.csv", "static/site.css",
    ]  # fmt: skip
    assert watched(reload_dir=["shop"]) == ["shop/views.py"]
    assert watched(reload_exclude=["shop/*"]) == [".env", "app.py", "app.wsgi", "templates/page.html"]


@pytest.mark.parametrize("name", ["nowhere", "app.py"])
def test_what_is_no_folder_cannot_be_watched(name: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot watch '{name}': it is not a folder"):
        Watched(Settings(reload_dir=[name]))


def test_a_folder_inside_of_another_is_looked_at_once() -> None:
    assert distinct(["/a/b", "/a", "/ab", "/a/b/c"]) == ["/a", "/ab"]


def test_what_is_new_changed_or_gone_is_told_once(folder: Path) -> None:
    watched = Watched(Settings(reload_extra_file=["../*.toml"]))
    changes = Polling(watched.files, watched.extra_files)
    assert changes.look() == []
    (folder / "app.py").write_text("changed = True")
    (folder / "new.py").touch()
    (folder / "shop" / "views.py").unlink()
    (folder.parent / "site.toml").touch()
    assert [os.path.basename(path) for path in changes.look()] == ["site.toml", "app.py", "new.py", "views.py"]
    assert changes.look() == []


def test_the_operating_system_tells_of_changes_where_it_can(folder: Path) -> None:
    pytest.importorskip("watchfiles")
    (folder.parent / "site.toml").touch()
    with watching(Watched(Settings(reload_extra_file=["../site.toml"]))) as changes:
        told: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while {"app.py", "site.toml"} - told:
            # It may not listen yet when the first is written.
            (folder / "app.py").write_text(str(time.monotonic()))
            (folder / "shop" / "data.csv").write_text("1")
            (folder.parent / "site.toml").write_text(str(time.monotonic()))
            told |= {os.path.basename(path) for path in changes.look()}
            assert time.monotonic() < deadline
        assert told == {"app.py", "site.toml"}


def test_files_are_told_of_whose_folder_was_moved(folder: Path) -> None:
    pytest.importorskip("watchfiles")
    with watching(Watched(Settings())) as changes:
        wait_until_told(changes, folder / "app.py")
        (folder / "shop").rename(folder / "store")
        told: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while not told:
            told |= {os.path.relpath(path) for path in changes.look()} - {"app.py"}
            assert time.monotonic() < deadline
        assert told == {"shop/views.py", "store/views.py"}


def test_a_file_elsewhere_that_is_replaced_is_told_of_each_time(folder: Path) -> None:
    pytest.importorskip("watchfiles")
    place = folder.parent / "site.toml"
    place.touch()
    with watching(Watched(Settings(reload_extra_file=["../site.toml"]))) as changes:
        for content in "1", "22", "333":
            (folder.parent / "new.toml").write_text(content)
            (folder.parent / "new.toml").rename(place)
            deadline = time.monotonic() + PATIENCE
            while "../site.toml" not in changes.look():
                assert time.monotonic() < deadline


def test_files_are_looked_at_where_the_operating_system_cannot_watch_so_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchfiles = pytest.importorskip("watchfiles")

    def full(*_: object, **__: object) -> Iterator[object]:
        raise OSError(errno.ENOSPC, "OS file watch limit reached.")
        yield

    monkeypatch.setattr(watchfiles, "watch", full)
    with watching(Watched(Settings())) as changes:
        wait_until_told(changes, folder / "app.py")


def wait_until_told(changes: Changes, path: Path) -> None:
    """Write a file until that is told: the operating system may not listen yet when the first is written."""
    deadline = time.monotonic() + PATIENCE
    while str(path) not in changes.look():
        path.write_text(str(time.monotonic()))
        assert time.monotonic() < deadline
