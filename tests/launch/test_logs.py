"""Logging is configured for the command only: files, formats, and what happens when they are moved or missing."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.logs import close_logs, open_logs, recorder, reopen_logs
from ehttpd.launch.messages import LineHandler, formatter_of
from ehttpd.logs import log
from ehttpd.messages import Client, Request, Response
from ehttpd.records import Record
from ehttpd.settings import Settings

RECORD = Record(Client(("192.0.2.1", 5)), Request("GET", "/a"), Response(b""), 0, 0.001)


@pytest.fixture
def logs() -> Iterator[Callable[..., None]]:
    """Open logs with some settings; they are closed with the test, and logging is as before."""
    yield lambda **settings: open_logs(Settings(**settings))
    close_logs()
    logger = logging.getLogger("ehttpd")
    assert not any(isinstance(handler, LineHandler) for handler in logger.handlers)
    assert (logger.level, logger.propagate) == (logging.NOTSET, True)


Logs = Callable[..., None]


def test_messages_go_to_the_standard_error_from_their_level_upwards(
    logs: Logs, capfd: pytest.CaptureFixture[str]
) -> None:
    logs(log_level="warning", log_format="text")
    log.debug("quiet")
    log.warning("loud")
    captured = capfd.readouterr()
    assert captured.err.endswith(" WARNING loud\n")
    assert "quiet" not in captured.err
    assert captured.out == ""


def test_where_nobody_looks_messages_are_for_programs(logs: Logs, capfd: pytest.CaptureFixture[str]) -> None:
    logs()
    log.warning("loud and\nclear")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("timestamp=20")
    assert 'level=warning message="loud and\\nclear" logger=ehttpd ' in line


def test_a_traceback_stays_inside_of_its_record(logs: Logs, tmp_path: Path) -> None:
    file = tmp_path / "error.log"
    logs(error_log=str(file), log_format="json")
    try:
        raise KeyError('"what"\n')
    except KeyError:
        log.error("failed", exc_info=True)
    (line,) = file.read_text().splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"], told["exception.type"]) == ("error", "failed", "KeyError")
    assert told["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert told["process.pid"] == os.getpid()


@pytest.mark.parametrize("form", ["json", "logfmt", "text"])
def test_an_exception_that_cannot_be_shown_is_logged_all_the_same(form: str) -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise ValueError("not for you")

    record = logging.makeLogRecord({"msg": "failed", "exc_info": (Shy, Shy(), None), "cause": Shy()})
    line = formatter_of(form).format(record)
    assert "failed" in line
    assert "Shy: <exception str() failed>" in line


def test_requests_are_not_logged_unless_asked(logs: Logs) -> None:
    logs()
    assert recorder() is None


def test_requests_go_to_the_standard_output_whatever_the_level(
    logs: Logs, capfd: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    logs(access_log="-", access_log_format="%(h)s %(r)s", log_level="critical")
    record = recorder()
    assert record is not None
    record(RECORD)
    close_logs()
    assert capfd.readouterr() == ("192.0.2.1 GET\\x20/a\\x20HTTP/1.1\n", "")


def test_files_are_added_to_and_opened_anew(logs: Logs, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("before\n")
    logs(access_log=str(file), access_log_format="%(m)s", error_log=str(tmp_path / "error.log"), log_format="logfmt")
    record = recorder()
    assert record is not None
    record(RECORD)
    log.warning("one")
    close_logs()
    assert file.read_text() == "before\nGET\n"
    logs(access_log=str(file), access_log_format="%(m)s", error_log=str(tmp_path / "error.log"), log_format="logfmt")
    file.rename(tmp_path / "access.log.1")
    reopen_logs()
    record = recorder()
    assert record is not None
    record(RECORD)
    close_logs()
    assert file.read_text() == "GET\n"
    assert "message=one" in (tmp_path / "error.log").read_text()


@pytest.mark.parametrize("setting", ["access_log", "error_log"])
def test_a_file_that_cannot_be_written_is_told(
    logs: Logs, tmp_path: Path, setting: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=r"^cannot write the (access|error) log '.*': Is a directory\.$"):
        logs(**{setting: str(tmp_path)})
    assert capfd.readouterr().err == ""  # nothing was lost


def test_a_pipe_that_nobody_reads_is_not_waited_for(logs: Logs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="cannot write the access log"):
        logs(access_log=str(tmp_path / "pipe"))


def test_a_format_that_is_none_is_told_with_its_origin(logs: Logs) -> None:
    with pytest.raises(SettingsError, match=r"^argument: unknown format of the access log: 'jsn'\. Did you mean 'jso"):
        logs(access_log="-", access_log_format="jsn")
    with pytest.raises(SettingsError, match="unknown format of the access log: 'nosuch'"):
        logs(access_log_format="nosuch")


# The file of Python's logging


CONFIGURATION = """
[formatters.short]
format = "%(levelname)s %(message)s"
[formatters.json]
"()" = "ehttpd.launch.messages.JSONFormatter"
[handlers.file]
class = "logging.FileHandler"
filename = "{file}"
formatter = "short"
[loggers.{logger}]
level = "INFO"
handlers = ["file"]
propagate = false
"""


@pytest.fixture
def undone() -> Iterator[None]:
    """Take what a file configures back."""
    yield
    for name in ("ehttpd", "ehttpd.access"):
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def test_a_file_configures_logging_instead(logs: Logs, tmp_path: Path, undone: None) -> None:
    (tmp_path / "logging.toml").write_text(CONFIGURATION.format(file=tmp_path / "it.log", logger="ehttpd"))
    logs(log_config=str(tmp_path / "logging.toml"))
    assert recorder() is None
    log.warning("loud")
    assert (tmp_path / "it.log").read_text() == "WARNING loud\n"
    logger = logging.getLogger("ehttpd")
    logger.handlers.pop().close()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def test_requests_go_to_their_logger_if_the_file_names_it(logs: Logs, tmp_path: Path, undone: None) -> None:
    text = CONFIGURATION.format(file=tmp_path / "it.log", logger='"ehttpd.access"')
    (tmp_path / "logging.toml").write_text(text)
    logs(log_config=str(tmp_path / "logging.toml"), access_log_format="%(m)s %(s)s")
    record = recorder()
    assert record is not None
    record(RECORD)
    assert (tmp_path / "it.log").read_text() == "INFO GET 200\n"


@pytest.mark.parametrize("content", ["no toml", "handlers = 5", '[handlers.a]\nclass = "no.such.Class"'])
def test_a_file_that_configures_nothing_is_told(logs: Logs, tmp_path: Path, content: str) -> None:
    (tmp_path / "logging.toml").write_text(content)
    with pytest.raises(SettingsError, match="cannot configure logging from"):
        logs(log_config=str(tmp_path / "logging.toml"))
