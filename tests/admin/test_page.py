"""The status page: whole without its script, and alive with it, in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ehttpd.admin.page import CHARTS, nice
from ehttpd.admin.wording import duration, number_said, size
from ehttpd.messages import Request, Response
from tests.admin.conftest import Watch, Watched
from tests.server.live import Gate, come_true

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


class Text(HTMLParser):
    """The text of a page as somebody reads it, and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.references: list[str] = []
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("script", "style")
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words += data.split()

    def __str__(self) -> str:
        return " ".join(self.words)


@pytest.fixture
def busy(watched: Watch, gate: Gate) -> Watched:
    """A server with a request in flight whose target is a trap."""

    def handler(request: Request) -> Response:
        if request.path == "/wait":
            gate.wait()
        return Response.text("done")

    it = watched(handler, threads=7)
    it.server.connect().send(b"GET /wait?</script><script>alert(1)</script> HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    it.server.connect().ask("/")
    refused = it.server.connect()
    refused.send(b"GET\r\n\r\n")
    refused.rest()
    come_true(lambda: it.ask("/stats.json").json["requests"] != [])
    return it


def test_it_can_be_read_without_its_script(busy: Watched) -> None:
    text = str(Text(busy.ask("/status").text))
    assert text.startswith("shop:app – ehttpd shop:app on ehttpd ready as of ")
    assert "up 0s" in text or "up 1s" in text
    assert "1 / 2 / 7" in text or "1 / 3 / 7" in text
    assert "GET /wait?</script><script>alert(1)</script> 127.0.0.1" in text
    assert "refused: bad request 1" in text
    assert all(chart.title in text for chart in CHARTS)


def test_what_clients_send_becomes_no_part_of_it(busy: Watched) -> None:
    page = busy.ask("/status").text
    assert "<script>alert" not in page
    assert page.count("</script>") == 2


def test_it_refers_to_nothing_elsewhere(busy: Watched) -> None:
    answer = busy.ask("/")
    references = Text(answer.text).references
    assert references
    assert not [each for each in references if "//" in each]
    assert "url(" not in answer.text
    policy = answer.fields["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_a_real_browser_runs_its_script_and_polls(busy: Watched, tmp_path: Path) -> None:
    for _ in range(3):
        busy.admin._history.note()
    found = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
         "--enable-logging=stderr", "--virtual-time-budget=30000", "--dump-dom", f"http://{busy.address}/status"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    text = str(Text(found.stdout))
    assert " live, " in text, "it never polled: " + found.stderr[-2000:]
    assert "CONSOLE" not in found.stderr, found.stderr  # no error, nothing that the policy has forbidden
    assert "GET /wait?</script><script>alert(1)</script>" in text
    shapes = re.findall(r'<path class="line[^"]*" d="M[^"]+"', found.stdout)
    assert len(shapes) == sum(len(chart.lines) for chart in CHARTS)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.2, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (10, 10), (11, 20), (4321, 5000)]
)
def test_a_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice(value) == top


def test_figures_are_said_as_they_are_read() -> None:
    assert [number_said(each) for each in (0, 0.424, 7, 7.04, 42.55, 1234567)] == [
        "0", "0.42", "7", "7.04", "42.5", "1,234,567",
    ]  # fmt: skip
    assert [size(each) for each in (0, 1023, 1024, 5 << 20, 3 << 30)] == ["0 B", "1023 B", "1 KiB", "5 MiB", "3.0 GiB"]
    assert [duration(each) for each in (0.4, 61, 3 * 86400 + 4 * 3600 + 5)] == ["0s", "1m 1s", "3d 4h"]
