"""What real clients make of each fault: the table of docs/testing.md.

``python -m tests.testing.test_clients`` renews it.
Knows how each client is called and how it complains; the faults are ehttpd.testing's.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
import urllib3

from ehttpd.messages import Request, Response
from ehttpd.testing import MockServer, TestServer, faults
from ehttpd.testing.faults import Fault

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
MADE = re.compile(r"(?<=<!-- clients -->\n).*?(?=<!-- /clients -->)", re.DOTALL)
# Seconds: for what is answered, on a machine that is busy; for what never is; for what is begun and never ended.
PATIENCE, TIMEOUT, TIMEOUT_ONCE_BEGUN = 30.0, 0.1, 0.3
FINE = "–"


def thousand(request: Request) -> Response:
    return Response.text("x" * 1000)


# What goes wrong, as the table writes it -> what makes it so. Not at `accept`: a client may notice it early or late.
FAULTS: dict[str, Fault | str] = {
    "refuse()": "refuse",
    "blackhole()": "blackhole",
    'reset(at="response-head")': faults.reset(at="response-head"),
    "no_answer()": faults.no_answer(),
    "garbage()": faults.garbage(seed=1),
    'stall(at="response-head")': faults.stall(at="response-head"),
    'stall(at="response-body", after=9)': faults.stall(at="response-body", after=9),
    'reset(at="response-body", after=9)': faults.reset(at="response-body", after=9),
    "truncate(5)": faults.truncate(5),
    "wrong_length(+5)": faults.wrong_length(5),
    "malformed_chunk()": faults.malformed_chunk(),
    'close(at="response-body", after=9)': faults.close(at="response-body", after=9),
    'garbage(at="response-body", after=9)': faults.garbage(at="response-body", after=9, seed=1),
    'truncate(5, at="response-head")': faults.truncate(5, at="response-head"),
    "latency(5)": faults.latency(5),
    "drip(500, 5)": faults.drip(500, 5),
    "informational()": faults.informational(),
    "duplicate_response()": faults.duplicate_response(),
    "corrupt()": faults.corrupt(seed=1),
}


@contextmanager
def broken(server: TestServer, fault: Fault | str) -> Iterator[None]:
    """Have a fault strike while the block runs."""
    if isinstance(fault, Fault):
        server.fail(fault)
    block: AbstractContextManager[None] = nullcontext() if isinstance(fault, Fault) else getattr(server, fault)()
    with block:
        yield
    server.heal()


def with_requests(url: str, timeout: float) -> object:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=timeout).content


def with_httpx(url: str, timeout: float) -> object:
    return httpx.get(url, timeout=timeout, trust_env=False).content


def with_urllib3(url: str, timeout: float) -> object:
    with urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0), timeout=timeout) as pool:
        return pool.request("GET", url).data


def with_aiohttp(url: str, timeout: float) -> object:
    async def get() -> bytes:
        patience = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(timeout=patience) as session, session.get(url) as answer:
            return await answer.read()

    return asyncio.run(get())


class CurlError(Exception):
    """How curl ended."""


def with_curl(url: str, timeout: float) -> object:
    command = ["curl", "--silent", "--max-time", str(timeout), "--noproxy", "*", url]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise CurlError(f"exit code {done.returncode}")
    return done.stdout


CLIENTS: dict[str, Callable[[str, float], object]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "urllib3 with Retry(1)": with_urllib3,
    "aiohttp": with_aiohttp,
    "curl": with_curl,
}


def complaint(client: Callable[[str, float], object], url: str, timeout: float) -> str:
    """Return what a client complains of, as the table writes it."""
    try:
        client(url, timeout)
    except CurlError as error:
        return str(error)
    except urllib3.exceptions.MaxRetryError as error:
        return f"`MaxRetryError` of `{type(error.reason).__name__}`"
    except Exception as error:
        return f"`{type(error).__name__}`"
    return FINE


def row(server: TestServer, name: str) -> str:
    """Return a line of the table."""
    timeout = TIMEOUT if name.startswith(("stall", "blackhole", "latency")) else PATIENCE
    if name.startswith(("drip", 'stall(at="response-body"')):
        timeout = TIMEOUT_ONCE_BEGUN
    complaints = []
    for client in CLIENTS.values():
        with broken(server, FAULTS[name]):
            complaints.append(complaint(client, server.url, timeout))
    return f"| `{name}` | {' | '.join(complaints)} |"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@pytest.mark.parametrize("name", FAULTS)
def test_clients_complain_as_the_table_says(name: str) -> None:
    with TestServer(thousand) as server:
        made = MADE.search(PAGE.read_text("utf-8"))
        assert made
        assert row(server, name) in made[0].splitlines(), "run: python -m tests.testing.test_clients"


def test_the_table_has_a_row_for_each_fault_and_no_other() -> None:
    made = MADE.search(PAGE.read_text("utf-8"))
    assert made
    assert re.findall(r"^\| `(.*?)` \|", made[0], re.MULTILINE) == list(FAULTS)


def test_a_client_that_tries_again_gets_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", "urllib3")  # a record of its warning would keep the broken connection
    with MockServer() as server:
        server.on("GET /").fail(faults.reset(nth=1)).times(1)
        server.on("GET /").reply(503, headers={"Retry-After": "0"}).once()
        server.on("GET /").reply(text="at last").once()
        retries = urllib3.Retry(3, backoff_factor=0, status_forcelist=[503])
        with urllib3.PoolManager(retries=retries, timeout=5) as pool:
            assert pool.request("GET", server.url).data == b"at last"


def table() -> str:
    with TestServer(thousand) as server:
        rows = [row(server, name) for name in FAULTS]
    return "\n".join([f"| fault | {' | '.join(CLIENTS)} |", "| --- |" + " --- |" * len(CLIENTS), *rows]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(MADE.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")
    sys.exit(0)
