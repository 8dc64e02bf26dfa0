"""Functions of the process are found by their names, or told to be missing."""

from __future__ import annotations

import platform

import pytest

from ehttpd.server.symbols import c_function


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas to be shared")
def test_what_is_asked_of_the_c_library_is_there() -> None:
    for name in ("mallopt", "malloc_trim"):
        assert c_function(name) is not None


def test_what_is_not_there_is_none() -> None:
    assert c_function("no_such_function_anywhere") is None
