"""What is asked of the servers: every scenario, once.

A table. Knows the paths of applications/ and the scripts of scripts/, but no server and no load generator.
"""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Scenario:
    """One kind of load, and the application that answers it."""

    name: str
    shows: str
    connections: int = 64
    threads: int = 16
    path: str = "/"
    # A script of scripts/: decides method, target, fields and body of each request.
    script: str = ""
    fields: tuple[str, ...] = ()
    application: str = "plain:application"
    # How long the answer must be, so that all servers are known to do the same work. None: not looked at.
    answer_size: int | None = None
    # Handlers wait, so a server with a single thread cannot take part.
    needs_threads: bool = False
    # A second load beside the one that is measured.
    beside: Scenario | None = None


SLOW = Scenario("slow", "8 connections that keep asking for 100 ms answers", connections=8, path="/slow?seconds=0.1")

_ALL = (
    Scenario("minimal", "a 13-byte answer to a request with one field", answer_size=13),
    Scenario("browser", "a 13-byte answer to a browser's twelve fields", script="browser.lua", answer_size=13),
    Scenario("varied", "no two requests alike: target and three fields new", script="varied.lua", answer_size=13),
    Scenario("close", "a connection per request", fields=("Connection: close",), answer_size=13),
    Scenario("one", "a single connection: latency", connections=1, script="browser.lua", answer_size=13),
    Scenario("many", "a thousand busy connections", connections=1000, script="browser.lua", answer_size=13),
    Scenario("cpu", "a handler that computes", connections=32, path="/cpu"),
    Scenario(
        "blocking",
        "every handler waits 10 ms: 6,400/s is the ideal",
        path="/slow?seconds=0.01",
        threads=64,
        answer_size=13,
        needs_threads=True,
    ),
    Scenario(
        "mixed",
        "quick requests beside 8 clients of 100 ms answers",
        connections=16,
        threads=64,
        answer_size=13,
        needs_threads=True,
        beside=SLOW,
    ),
    Scenario("megabyte", "1 MiB of bytes", connections=16, path="/megabyte", answer_size=MEBIBYTE),
    Scenario("stream", "1 MiB in 64 pieces, length not told", connections=16, path="/stream", answer_size=MEBIBYTE),
    Scenario("file", "8 MiB through wsgi.file_wrapper", connections=8, path="/file", answer_size=8 * MEBIBYTE),
    Scenario("upload", "request bodies of 1 MiB", connections=8, path="/upload", script="upload.lua"),
    Scenario(
        "flask",
        "a Flask view that returns JSON",
        connections=32,
        script="browser.lua",
        application="flask_json:application",
    ),
    Scenario(
        "django",
        "a Django view that returns JSON",
        connections=32,
        script="browser.lua",
        application="django_json:application",
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
