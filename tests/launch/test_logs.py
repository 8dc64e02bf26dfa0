"""Logging is configured for the command, and the access log only on request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.logs import configure_logging
from ehttpd.settings import Settings

LOGGERS = [logging.getLogger("ehttpd"), logging.getLogger("ehttpd.access")]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in LOGGERS]
    yield
    for logger, (handlers, level, propagate) in zip(LOGGERS, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_messages_go_to_the_standard_error_from_their_level_upwards(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="warning"))
    LOGGERS[0].info("quiet")
    LOGGERS[0].warning("loud")
    captured = capsys.readouterr()
    assert captured.err.endswith("WARNING loud\n")
    assert "quiet" not in captured.err
    assert captured.out == ""


def test_requests_are_not_logged_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    LOGGERS[1].info("GET /")
    assert capsys.readouterr() == ("", "")
    assert not LOGGERS[1].isEnabledFor(logging.INFO)


def test_requests_are_logged_to_the_standard_output_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(access_log="-", log_level="error"))
    LOGGERS[1].info("GET /")
    assert capsys.readouterr() == ("GET /\n", "")


def test_requests_are_added_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("before\n")
    configure_logging(Settings(access_log=str(file)))
    LOGGERS[1].info("GET /")
    assert file.read_text() == "before\nGET /\n"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^cannot write the access log '.*': Is a directory\.$"):
        configure_logging(Settings(access_log=str(tmp_path)))
