"""A shop that has customers: what the pictures show. A WSGI application, and clients that ask it in turns."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from wsgiref.types import StartResponse, WSGIEnvironment

PAGES = (("/", 30), ("/products/42", 40), ("/search?q=teapot", 20), ("/checkout", 4), ("/export/orders.csv", 0.25),
         ("/reports/2026", 0.05), ("/broken", 0.5))  # fmt: skip
CLIENTS = 14


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer as a shop does: most pages quickly, some after a while, few not at all."""
    path = environ["PATH_INFO"]
    work(path)
    start_response("500 Broken" if path == "/broken" else "200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 4000]


def work(path: str) -> None:
    """Take as long as a page of this kind does."""
    match path.split("/")[1]:
        case "search":
            query_database()
        case "checkout":
            call_bank()
        case "export" | "reports":
            write_file(7.0 if "reports" in path else 2.5)


def query_database() -> None:
    time.sleep(random.expovariate(120))


def call_bank() -> None:
    time.sleep(random.uniform(0.08, 0.3))


def write_file(seconds: float) -> None:
    time.sleep(random.uniform(0.5, 1.0) * seconds)


def customers(port: int, over: threading.Event) -> list[threading.Thread]:
    """Return threads that ask for pages until it is over; sometimes more of them, sometimes fewer."""

    def ask(number: int) -> None:
        began, choice = time.monotonic(), random.Random(number)
        client = HTTPConnection("127.0.0.1", port, timeout=20)
        while not over.is_set():
            (page, _), *_ = choice.choices(PAGES, [weight for _, weight in PAGES])
            try:
                client.request("GET", page)
                client.getresponse().read()
            except (OSError, HTTPException):
                client.close()
            busy = 0.5 + 0.5 * math.sin((time.monotonic() - began) / 11 + number / 9)
            over.wait(choice.random() * 0.03 * (1.15 - busy))
        client.close()

    return [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(CLIENTS)]
