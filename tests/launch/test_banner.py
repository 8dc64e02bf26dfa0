"""The banner says what is served, where and how: for a person, or for a program."""

from __future__ import annotations

import shlex

from ehttpd import __version__
from ehttpd.launch.application import Application
from ehttpd.launch.banner import banner
from ehttpd.launch.kind import Kind
from ehttpd.settings import Settings

ADDRESSES = ["127.0.0.1:8000", "unix:/run/shop.sock"]
APPLICATION = Application(lambda request: None, Kind.NATIVE, "shop", "app")


def text(*, terminal: bool) -> str:
    return banner(APPLICATION, ADDRESSES, Settings(threads="2:8"), 0.0844, terminal=terminal)


def test_a_person_reads_a_few_lines() -> None:
    head, *lines = text(terminal=True).splitlines()
    assert head.startswith(f"ehttpd {__version__}  Python 3.")
    assert [" ".join(line.split()) for line in lines] == [
        "app shop:app native handler",
        "listen http://127.0.0.1:8000",
        "unix:/run/shop.sock",
        "threads 2–8 queue 512, keep-alive 5s, graceful 30s",
        "ready in 84 ms Ctrl+C stops, twice to force",
    ]


def test_a_program_reads_one_line_of_names_and_values() -> None:
    line = text(terminal=False)
    assert "\n" not in line
    values = dict(word.split("=", 1) for word in shlex.split(line))
    assert values["event"] == "ready"
    assert values["kind"] == "native handler"
    assert values["listen"] == "http://127.0.0.1:8000,unix:/run/shop.sock"
    assert values["threads"] == "2:8"
    assert values["ready_ms"] == "84"
