"""Other servers' commands are told in our words, and what they say is understood."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ehttpd.cli import main
from ehttpd.commands.translate import lines, our_flags
from ehttpd.errors import SettingsError
from ehttpd.launch.arguments import arguments_of, make_parser
from ehttpd.launch.gunicorn_file import read_file
from ehttpd.launch.rivals import RIVALS
from ehttpd.settings import Settings


def translated(command: str, **environment: str) -> tuple[str, str]:
    first, *notes = lines(command, environment)
    return first, "\n".join(notes)


COMMANDS = """
gunicorn -k gthread --threads 8 app:wsgi -> ehttpd app:wsgi --threads 8
gunicorn -b:80 --threads=2 'app:make()' --keep-alive 75 -> ehttpd 'app:make()' --bind :80 --threads 2 --keep-alive 75
gunicorn -b=0.0.0.0:80 -w=2 app -> ehttpd app --bind 0.0.0.0:80 --workers 2
python -m gunicorn --env A='1 2' app -> python -m ehttpd app --env 'A=1 2'
A=1 exec uv run gunicorn --bind "0.0.0.0:${PORT:-80}" app -> A=1 exec uv run ehttpd app --bind "0.0.0.0:${PORT:-80}"
/srv/venv/bin/gunicorn app -> ehttpd app
uvicorn main:app --host 0.0.0.0 --port 80 --no-access-log -> ehttpd main:app --host 0.0.0.0 --port 80
uvicorn --factory --uds=/run/a.sock a:b --ws none -> ehttpd a:b --factory --bind unix:/run/a.sock --access-log
granian --interface wsgi --http1-header-read-timeout 300 a:b -> ehttpd a:b --header-timeout 300ms
waitress-serve --listen=:80 --ident= --call m:make -> ehttpd m:make --bind :80 --server-header '' --factory --threads 4
waitress-serve m:app -> ehttpd m:app --host 0.0.0.0 --port 8080 --threads 4 --server-header waitress
waitress-serve --port=80 --ident= m:app -> ehttpd m:app --port 80 --server-header '' --host 0.0.0.0 --threads 4
waitress-serve --host=::1 --ident= m:app -> ehttpd m:app --host ::1 --server-header '' --port 8080 --threads 4
gunicorn --paste development.ini -b :80 -> ehttpd --bind :80
uvicorn --use-colors --no-access-log a:b -> ehttpd a:b
granian --ws a:b -> ehttpd a:b
granian --static-path-route /static --static-path-mount public a:b -> ehttpd a:b
uwsgi -s /run/a.sock -w a -> ehttpd a --bind unix:/run/a.sock
uwsgi --socket a.sock --module a --stats /b -> ehttpd a --bind unix:a.sock --admin unix:/b
uwsgi -w a:app --callable app -> ehttpd a:app
uwsgi --http :80 --touch-reload a --mount /b=c:d -> ehttpd --bind :80
uwsgi --static-map /static=public -w a -> ehttpd a --static /static=public
uwsgi --http :80 --wsgi-file shop.py --callable app -M --threads 2 -> ehttpd shop.py:app --bind :80 --threads 2
"""


@pytest.mark.parametrize(("theirs", "ours"), [line.split(" -> ") for line in COMMANDS.split("\n") if line])
def test_a_command_is_told_in_our_words(theirs: str, ours: str) -> None:
    command, _ = translated(theirs)
    assert command == ours
    words = shlex.split(command.replace("${PORT:-80}", "80"))
    assert Settings.from_sources(arguments_of(make_parser("", {}), words[words.index("ehttpd") + 1 :]).given)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("./manage.py migrate && gunicorn app && echo 'a b'", "./manage.py migrate && ehttpd app && echo 'a b'"),
        ("gunicorn app -b :80 >> log 2>&1 &", "ehttpd app --bind :80 >> log 2>&1 &"),
        ("gunicorn app --pid 'a;b' | tee log", "ehttpd app --pid 'a;b' | tee log"),
    ],
)
def test_what_is_the_shells_stays_as_it_is(theirs: str, ours: str) -> None:
    assert translated(theirs)[0] == ours


def test_what_differs_is_told_and_what_is_not_known_is_left_out() -> None:
    command, notes = translated("gunicorn -k gevent --unknown 3 --thread 4 app")
    assert command == "ehttpd app"
    assert "-k gevent: there is one kind of worker" in notes
    assert "--unknown 3: not known here; left out" in notes
    assert "Did you mean --threads?" in notes
    assert "gunicorn's sync worker serves one" in notes


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn app:wsgi --nosuch 5",
        "gunicorn --nosuch 5 app:wsgi",
        "gunicorn --nosuch app:wsgi",
        "gunicorn --nosuch app:wsgi -b :80",
        "gunicorn --nosuch=5 app:wsgi",
    ],
)
def test_the_application_is_not_lost_beside_a_flag_that_is_not_known(command: str) -> None:
    ours, notes = translated(command)
    assert ours.startswith("ehttpd app:wsgi")
    assert "--nosuch" in notes


def test_a_value_that_is_none_here_is_left_out_and_told() -> None:
    command, notes = translated("gunicorn --limit-request-line 0 --limit-request-fields $N app")
    assert command == 'ehttpd app --limit-request-fields "$N"'
    assert "--limit-request-line 0: here it must be at least 16; left out" in notes


@pytest.mark.parametrize("command", ["gunicorn app", "uvicorn app:app"])
def test_whom_the_other_server_believes_is_told_if_its_flags_do_not(command: str) -> None:
    assert "ehttpd believes nobody unless told: --forwarded-allow-ips 127.0.0.1" in translated(command)[1]
    assert "believes nobody" not in translated(f"{command} --forwarded-allow-ips 10.0.0.1")[1]


@pytest.mark.parametrize(
    "command", ["gunicorn -k uvicorn.workers.UvicornWorker a:b", "granian --interface asgi a:b"]
)
def test_what_is_for_asgi_is_told(command: str) -> None:
    _, notes = translated(command)
    assert "this is for ASGI applications, which ehttpd does not serve" in notes


def test_a_file_of_uwsgi_is_read(tmp_path: Path) -> None:
    path = tmp_path / "uwsgi.ini"
    path.write_text(
        "[other]\nthreads = 9\n[uwsgi]\n; ours\nhttp-socket = :80\nmodule = shop.wsgi\ncallable = app\nmaster = true\n"
        "processes = 1\nlazy-apps = false\nharakiri = 30\np = 4\nvirtualenv = /srv/venv\ncheaper = 2\nneed-app\n"
    )
    command, notes = translated(f"uwsgi --ini {path}")
    assert command == "ehttpd shop.wsgi:app --bind :80 --workers 1 --request-timeout 30 --workers 4"
    assert "--cheaper: not known here; left out" in notes
    with pytest.raises(SettingsError, match="no such file"):
        translated("uwsgi --ini nowhere.ini")


def test_placeholders_in_a_file_of_uwsgi_are_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.ini").write_text(
        "[uwsgi]\nproject = shop\nbase = /srv/%(project)\nchdir = %(base)/%(none)\nmodule = %(project).wsgi:app\n"
        "pidfile = %d%(project).pid\nsocket = $(HOME)/%(project).sock\n[other]\nmodule = other\n"
    )
    assert shlex.split(translated("uwsgi site.ini")[0]) == [
        *("ehttpd", "shop.wsgi:app", "--chdir", "/srv/shop/%(none)", "--pid", f"{tmp_path}/shop.pid"),
        *("--bind", "unix:${HOME}/shop.sock"),
    ]
    assert translated("uwsgi --ini site.ini:other")[0] == "ehttpd other"


def test_variables_of_gunicorn_are_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--threads 3")
    assert main(["translate", "gunicorn", "app"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("ehttpd app --threads 3\n")
    assert "GUNICORN_CMD_ARGS='--threads 3' is in this translation" in said


@pytest.mark.parametrize("command", ["hypercorn app", "", "gunicorn 'a", "gunicorn -w $((2 * 4)) app"])
def test_what_cannot_be_translated_is_exit_code_2(command: str) -> None:
    with pytest.raises(SettingsError):
        translated(command)


def test_a_file_of_gunicorn_is_read_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "import multiprocessing\nraise SystemExit\nbind = ['0.0.0.0:80', 'unix:/a']\nthreads = 4\nreload = False\n"
        "workers = multiprocessing.cpu_count()\nraw_env = ['A=1']\nwsgi_app = 'shop:app'\ntimeout: int = 9\n"
        "def on_starting(server): ...\n"
    )
    path = f"{tmp_path}/gunicorn.conf.py"
    command, notes = translated(f"gunicorn -c {path}")
    assert command.startswith("ehttpd shop:app --bind 0.0.0.0:80 --bind unix:/a --threads 4 --env A=1")
    assert f"{path}:6: workers is computed; left out" in notes
    assert f"{path}:10: on_starting() is a hook" in notes


def test_a_nought_in_a_file_of_gunicorn_is_a_value_and_a_mask_is_octal(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text("timeout = 0\nkeepalive = 0\numask = 0o027\npidfile = ''\nworkers = None\n")
    command, _ = translated(f"gunicorn -c {tmp_path}/conf.py app")
    assert command == "ehttpd app --worker-timeout 0 --keep-alive 0 --umask 0o27"


def test_what_counts_more_with_gunicorn_is_what_is_translated(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text("bind = ':1'\nworkers = 1\nthreads = 1\nbacklog = 1\nwsgi_app = 'one:app'\n")
    theirs = f"gunicorn --bind :3 --workers 3 -c {tmp_path}/conf.py"
    command, _ = translated(theirs, GUNICORN_CMD_ARGS="--workers 2 --threads 2")
    assert command == "ehttpd one:app --bind :3 --workers 3 --threads 2 --backlog 1"
    assert translated(f"{theirs} three:app")[0].startswith("ehttpd three:app ")


def test_a_file_of_gunicorn_that_nobody_names_is_read_where_gunicorn_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gunicorn.conf.py").write_text("threads = 4\n")
    command, notes = translated("gunicorn app")
    assert command == "ehttpd app --threads 4"
    assert "gunicorn.conf.py is here, and gunicorn reads it" in notes
    assert translated("waitress-serve --threads 9 app")[0].startswith("ehttpd app --threads 9")


@pytest.mark.parametrize("place", ["other.py", "file:other.py", "python:other"])
def test_a_file_of_gunicorn_is_named_in_each_of_its_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gunicorn.conf.py").write_text("threads = 4\n")
    (tmp_path / "other.py").write_text("threads = 5\n")
    assert translated(f"gunicorn -c {place} app")[0] == "ehttpd app --threads 5"


@pytest.mark.parametrize("text", ["threads = = 3", None])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "gunicorn.conf.py"
    if text:
        path.write_text(text)
    with pytest.raises(SettingsError):
        read_file(str(path))


def test_every_flag_of_gunicorn_that_is_translated_is_one_of_gunicorn() -> None:
    command = [sys.executable, "-m", "gunicorn", "--help"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {word.strip(",[]") for word in page.split() if word.startswith("-")}
    # Those that newer or older versions have.
    others = {"--control-socket", "--no-control-socket"}
    assert {flag for row in RIVALS["gunicorn"].rows for flag in row.names} - others <= theirs


def test_our_side_of_every_row_is_a_flag_of_ours() -> None:
    for rival in RIVALS.values():
        ours = [row.ours.split()[0] for row in rival.rows if row.ours.startswith("--")]
        assert set(ours) | {words.split()[0] for words in rival.silent} <= our_flags()


def test_a_flag_has_one_row_of_a_server() -> None:
    for rival in RIVALS.values():
        names = [flag for row in rival.rows for flag in row.names]
        assert sorted(names) == sorted(set(names))


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["translate", "--help"])
    assert "ehttpd translate 'gunicorn -w 4" in capsys.readouterr().out
    assert isinstance(make_parser("", {}), argparse.ArgumentParser)
