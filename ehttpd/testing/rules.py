"""Rules of a mock server: which requests are expected, how often, and what each is answered.

The test author's. A rule is made in the test's thread and used by those that serve; its server's lock guards it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import TracebackType

from ehttpd.messages import Handler, Request
from ehttpd.testing.criteria import Criteria
from ehttpd.testing.faults import BEFORE_A_REQUEST, Fault
from ehttpd.testing.replies import Reply, ReplyOptions
from ehttpd.testing.verification import UnmetRule
from ehttpd.typed import TYPE_CHECKING
from ehttpd.wsgi import Application, adapt

if TYPE_CHECKING:
    from typing import Any, Self, TypeAlias, Unpack

    from ehttpd.testing.mock import MockServer
    from ehttpd.toolkit.answers import Answer

# What is answered if a rule says no reply; if it fails, something long enough to break anywhere.
EMPTY = Reply(200, {})
FILLER = Reply(200, {"text": "This response goes wrong on purpose.\n" * 30})
Answering: TypeAlias = "Callable[[Request, dict[str, Any], Event], Answer]"


class Step:
    """One of the answers of a rule: how it is made, what goes wrong with it, and how often it is given."""

    def __init__(self) -> None:
        self.answering: Answering | None = None
        self.fault: Fault | None = None
        self.least: float = 1
        self.most: float = math.inf
        self.counted = False  # the author said how often
        self.used = 0

    def answer(self, request: Request, parameters: dict[str, Any], ending: Event) -> Answer:
        if self.answering is not None:
            return self.answering(request, parameters, ending)
        return (FILLER if self.fault is not None else EMPTY).respond(request, ending)


class Rule:
    """An expected request and its answer; see `MockServer.on`.

    As a context manager it holds for the block only, and is verified at its end.
    """

    def __init__(self, server: MockServer, criteria: Criteria, place: str) -> None:
        self._server = server
        self.criteria = criteria
        self._place = place
        self._name = ""
        self._steps = [Step()]

    # What the author says

    def reply(self, status: int = 200, **options: Unpack[ReplyOptions]) -> Self:
        """Answer with a status and one of ``json``, ``text``, ``body``, ``file``, ``stream`` and ``chunks``.

        ``headers``, ``trailers``, ``informational`` (statuses, or pairs with their fields), ``delay`` in seconds, and
        ``throttle`` in octets a second go with any of them, and so does ``chunks`` as a size, or a list of sizes.
        A ``stream`` is a list of pieces, a function that returns an iterable, or an iterator if it is to be sent once.

        Raises:
            TypeError, HandlerError: there can be no such response.
        """
        answer = Reply(status, options)
        self._steps[-1].answering = lambda request, parameters, ending: answer.respond(request, ending)
        return self

    def handle(self, handler: Callable[..., Answer]) -> Self:
        """Answer with a native handler, called with the request and, by their names, the parameters of the path that
        it has parameters for. All of them are in ``request.params``.
        """
        takes = names_taken(handler)

        def answer(request: Request, parameters: dict[str, Any], ending: Event) -> Answer:
            request.params = parameters
            return handler(request, **{name: value for name, value in parameters.items() if takes(name)})

        self._steps[-1].answering = answer
        return self

    def wsgi(self, application: Application) -> Self:
        """Answer with a WSGI application."""
        adapted: Handler = adapt(application)
        self._steps[-1].answering = lambda request, parameters, ending: adapted(request)
        return self

    def fail(self, fault: Fault) -> Self:
        """Have the answer go wrong. Without a reply of its own, an answer of about a thousand octets does.

        Raises:
            ValueError: the stage comes before any request is known; see `TestServer.fail`.
        """
        if fault.at in BEFORE_A_REQUEST and fault.at != "between-requests":
            raise ValueError(f"At {fault.at!r} no request is known yet. Give the fault to the server: server.fail(…).")
        self._steps[-1].fault = fault
        return self

    def times(self, least: int | range, most: int | None = -1) -> Self:
        """Expect the request just so often, or from ``least`` to ``most`` times; None: any number from ``least`` up.

        ``range(2, 5)`` is from two to four times.
        """
        step = self._steps[-1]
        step.counted = True
        if isinstance(least, range):
            step.least, step.most = least.start, least.stop - 1
        else:
            step.least = least
            step.most = least if most == -1 else math.inf if most is None else most
        return self

    def once(self) -> Self:
        """Expect the request once."""
        return self.times(1)

    def optional(self) -> Self:
        """Expect the request any number of times, or never."""
        return self.times(0, None)

    def then(self) -> Self:
        """Go on with another answer, for the requests after those before; these are one if nothing else was said."""
        if not self._steps[-1].counted:
            self.once()
        self._steps.append(Step())
        return self

    def named(self, name: str) -> Self:
        """Give the rule a name, for messages."""
        self._name = name
        return self

    # What the server asks

    @property
    def step(self) -> Step | None:
        """The answer whose turn it is; None if all have been given as often as they may."""
        return next((step for step in self._steps if step.used < step.most), None)

    def next_step(self) -> Step | None:
        """Return the answer whose turn it is, and count it."""
        step = self.step
        if step is not None:
            step.used += 1
        return step

    @property
    def spent(self) -> str:
        """What is to be said of a rule whose answers have all been given."""
        return f"it was expected {times(sum(step.most for step in self._steps))}, and that has come"

    def unmet(self) -> UnmetRule | None:
        """Return what is missing, if something is."""
        used = sum(step.used for step in self._steps)
        least = sum(step.least for step in self._steps)
        if used >= least:
            return None
        return UnmetRule(f"{self} was expected {times(least)}, and came {times(used)}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        unmet = self._server.forget(self)
        if unmet is not None and error is None:
            raise unmet

    def __str__(self) -> str:
        name = f"{self._name!r}: " if self._name else ""
        return f"{name}{self.criteria} ({self._place})"


def names_taken(function: Callable[..., object]) -> Callable[[str], bool]:
    """Return what tells whether a function can be given an argument of some name. Raises TypeError if it is none."""
    import inspect  # dear, and here already where pytest is

    try:
        taken = inspect.signature(function).parameters
    except ValueError:  # one that is written in C
        return lambda name: False
    anything = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values())
    return lambda name: anything or name in taken


def times(number: float) -> str:
    return ("not at all", "once", "twice")[int(number)] if number <= 2 else f"{number:g} times"


def place_of_caller() -> str:
    """Return file and line of the first frame outside of this package."""
    here = Path(__file__).parent
    frame = sys._getframe(1)
    while frame.f_back is not None and here in Path(frame.f_code.co_filename).parents:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
