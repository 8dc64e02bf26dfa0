"""The logger of ehttpd: nobody fails because a record cannot be written."""

from __future__ import annotations

import errno
from typing import NoReturn

import pytest

from ehttpd.logs import Log


class LogWithoutDescriptors(Log):
    def logger(self) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")


def test_what_cannot_be_logged_for_want_of_descriptors_is_told_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    LogWithoutDescriptors().warning("Cannot %s.", "accept")
    assert capsys.readouterr().err == "Cannot accept.\n"
