"""The process that serves while its parent watches: ``python -m ehttpd.develop.child``.

Listens on what it inherits, says what it has to say as lines of JSON on a socket of its parent's, and ends when it is
told to or when its parent has gone.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

from ehttpd.develop import tracebacks
from ehttpd.develop.pages import with_pages
from ehttpd.errors import OperatorError
from ehttpd.launch.application import Application, load_application
from ehttpd.launch.attending import PATIENCE
from ehttpd.launch.ending import end
from ehttpd.launch.kind import Kind
from ehttpd.launch.names import name_process
from ehttpd.launch.serve import leave_next_time, make_server, prepare_logging
from ehttpd.launch.surroundings import set_variables
from ehttpd.server.signals import signals_as_octets
from ehttpd.settings import Given, Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

STOPPED = 0
COULD_NOT_START = 3


def main(told: str) -> int:
    """Serve what the parent told, until it says so or has gone."""
    began = time.perf_counter()
    order = json.loads(told)
    given = {name: Given(value, origin) for name, (value, origin) in order["settings"].items()}
    settings = Settings.from_sources(given)
    name_process(settings.name)
    parent = socket.socket(fileno=order["parent"])
    # The parent sees that we have ended, whatever processes the application has begun.
    parent.set_inheritable(False)
    os.register_at_fork(after_in_child=parent.close)
    with parent, signals_as_octets(leave_next_time) as (inbox, _):
        prepare_logging(settings)
        try:
            set_variables(settings)
            if order["pages"]:
                os.environ.setdefault("FLASK_DEBUG", "1")  # else Flask hands no exceptions on to the server
            application = load_application(settings)
        except OperatorError as error:
            tell(parent, event="failed", **failure(error, order))
            return end(COULD_NOT_START)
        wrapped = order["pages"] and application.kind is not Kind.CONNECTION
        server = make_server(shown(application, order["generation"]) if wrapped else application, settings)
        server.start()
        milliseconds = round((time.perf_counter() - began) * 1000)
        tell(parent, event="ready", name=application.name, description=application.description, ms=milliseconds)
        select.select([inbox, parent], [], [])
        # Who has just connected is answered, and who still waits is left to the process that follows.
        server.stop(grace=settings.graceful_timeout, patience=PATIENCE, shared=True)
    return STOPPED


def shown(application: Application, generation: int) -> Application:
    """Return an application whose exceptions are pages."""
    if application.kind is Kind.NATIVE:
        handler = application.target
    else:
        from ehttpd.wsgi import adapt

        handler = adapt(application.target)
    return Application(with_pages(handler, generation), Kind.NATIVE, application.place, application.attribute)


def failure(error: OperatorError, order: dict[str, Any]) -> dict[str, str]:
    """Return what the parent shows of an application that cannot be imported."""
    cause = error.__cause__
    pages = order["pages"] and cause is not None
    where = f"{error}"
    return {
        "message": str(error),
        "cure": error.cure,
        "page": tracebacks.page_of(cause, where, order["generation"]) if pages and cause is not None else "",
        "text": tracebacks.text_of(cause) if pages and cause is not None else "",
    }


def tell(parent: socket.socket, **said: object) -> None:
    """Send a line to the parent."""
    try:
        parent.sendall(json.dumps(said).encode() + b"\n")
    except OSError:  # it has gone, and we go too
        os._exit(STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
