"""Start a peer that has no command line of its own: ``embedded.py NAME MODULE:ATTRIBUTE PORT``.

Runs inside the peers' environment. Knows how each is embedded, and nothing about benchmarks.
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def serve_with_bjoern(application: Any, port: int) -> None:
    import bjoern

    bjoern.run(application, "127.0.0.1", port)


def serve_with_werkzeug(application: Any, port: int) -> None:
    from werkzeug.serving import run_simple

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", port, application, threaded=True)


def serve_with_cheroot_and_tls(application: Any, port: int, certificate: str, threads: str) -> None:
    from cheroot.ssl.builtin import BuiltinSSLAdapter
    from cheroot.wsgi import Server

    server = Server(("127.0.0.1", port), application, numthreads=int(threads))
    server.ssl_adapter = BuiltinSSLAdapter(certificate, certificate)
    server.start()


STARTERS: dict[str, Callable[..., None]] = {
    "bjoern": serve_with_bjoern,
    "werkzeug": serve_with_werkzeug,
    "cheroot-tls": serve_with_cheroot_and_tls,
}


def main() -> None:
    name, target, port, *more = sys.argv[1:]
    module, attribute = target.split(":")
    STARTERS[name](getattr(import_module(module), attribute), int(port), *more)


if __name__ == "__main__":
    main()
