"""A server that expects requests and answers them as its rules say.

The test author's. What no rule is for is answered 500 and makes the test fail.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from re import Pattern

from ehttpd.messages import Request, Response
from ehttpd.testing.criteria import ANYTHING, Criteria, Query
from ehttpd.testing.faults import WITHIN_A_REQUEST, Fault
from ehttpd.testing.journal import ReceivedRequest
from ehttpd.testing.observation import answered, arrives
from ehttpd.testing.rules import Rule, Step, place_of_caller
from ehttpd.testing.server import TestServer
from ehttpd.testing.verification import UnexpectedRequest
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.testing.certificates import Authority

# How many rules are shown that were near to an unexpected request.
NEAREST = 3


class MockServer(TestServer):
    """A `TestServer` whose answers are rules.

    Leaving the block raises rules that were not met, requests that no rule was for, what handlers raised, and what was
    not answered; see `TestServer.verify`. ``strict=False``: only the last two.
    """

    def __init__(
        self, *, tls: bool | Authority = False, bind: str = "127.0.0.1:0", strict: bool = True, **settings: Any
    ) -> None:  # fmt: skip
        super().__init__(self._answer_nothing, tls=tls, bind=bind, **settings)
        self.strict = strict
        self._rules: list[Rule] = []
        self._unexpected: list[UnexpectedRequest] = []
        self._lock = threading.Lock()

    def on(
        self,
        pattern: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str | Pattern[str]] | None = None,
        json: object = ANYTHING,
        body: bytes | str | Pattern[bytes] | Pattern[str] | None = None,
        where: Callable[[ReceivedRequest], object] | None = None,
    ) -> Rule:
        """Expect a request; return the rule, to say what it is answered: 200 with no content unless it says more.

        Rules are tried in order; one that has been used as often as it may is passed over. A rule is to be used at
        least once. ``pattern`` is ``"GET /items/{id}"``, ``"GET|HEAD /files/{path...}"`` or, for any method, a path. A
        query behind the path, or as text in ``query``, is all that may be asked for; of a dictionary each parameter
        must be there, and others may be. Fields that are not given may be anything; what is in ``json`` must be equal.
        Texts may be regular expressions, which have to match as a whole.

        Raises:
            ValueError: ``pattern`` is none.
            TypeError: a criterion is what no request could have.
        """
        rule = Rule(self, Criteria(pattern, query, headers, json, body, where), place_of_caller())
        with self._lock:
            self._rules.append(rule)
        return rule

    def reset(self) -> None:
        """Begin anew: rules are forgotten, too; see `TestServer.reset`."""
        super().reset()
        with self._lock:
            self._rules.clear()
            self._unexpected.clear()

    def forget(self, rule: Rule) -> BaseException | None:
        """Have a rule hold no longer; return what was missing of it."""
        with self._lock:
            self._rules.remove(rule)
            return rule.unmet()

    def failures(self) -> list[BaseException]:
        """Return what went wrong so far; rules that are not met yet are among it."""
        if not self.strict:
            return super().failures()
        with self._lock:
            unmet = [rule.unmet() for rule in self._rules]
            unexpected = list(self._unexpected)
        return [*(each for each in unmet if each is not None), *unexpected, *super().failures()]

    def _answer_nothing(self, request: Request) -> Response:
        raise NotImplementedError("a mock server answers by its rules")

    def _respond(self, request: Request, received: ReceivedRequest) -> tuple[Response, Fault | None]:
        if arrives(request.body):  # rules look at whole bodies
            with request.body as body:
                request.body = BytesIO(body.read())
        found = self._step_for(received)
        if found is None:
            return self._refuse_unexpected(received), None
        step, parameters = found
        fault = step.fault
        # What was to break a body has had its chance if there was one.
        strikes = fault is not None and not (fault.at in WITHIN_A_REQUEST and received.body) and fault.strikes()
        response = answered(
            lambda request: step.answer(request, parameters, self._observation.ending), request
        )
        return response, fault if strikes else None

    def _step_for(self, received: ReceivedRequest) -> tuple[Step, dict[str, Any]] | None:
        """Return the answer to a request and the parameters of its path; None if no rule is for it."""
        with self._lock:
            rules = list(self._rules)
        for rule in rules:
            if not rule.criteria.differences(received):
                with self._lock:
                    step = rule.next_step()
                if step is not None:
                    return step, rule.criteria.parameters(received.path) or {}
        return None

    def _refuse_unexpected(self, received: ReceivedRequest) -> Response:
        asked = f"{received.method} {received.target}"
        unexpected = UnexpectedRequest(f"No rule is for {asked}.{self._near_misses(received)}")
        with self._lock:
            self._unexpected.append(unexpected)
        return Response.text(f"{unexpected}\n", 500)

    def _near_misses(self, received: ReceivedRequest) -> str:
        """Return the rules that come nearest to a request, with what keeps them from it."""
        with self._lock:
            rules = list(self._rules)
        differences = {rule: rule.criteria.differences(received) for rule in rules}
        likeness = {rule: rule.criteria.likeness(received.method, received.path) for rule in rules}
        lines = []
        for rule in sorted(rules, key=lambda rule: (len(differences[rule]), -likeness[rule]))[:NEAREST]:
            lines.append(f"\n  near: {rule}")
            lines += [f"\n    {each}" for each in differences[rule] or [rule.spent]]
        return "".join(lines)

    def _nothing_came(self, timeout: float) -> str:
        with self._lock:
            unexpected = [str(each) for each in self._unexpected]
        return "\n".join([super()._nothing_came(timeout), *unexpected])

    def _fault_within(self, request: Request) -> Fault | None:
        """Return what a rule has go wrong before the body is here, judged by method and path alone."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.criteria.fits_head(request.method, request.path)]
            step = next((rule.step for rule in rules if rule.step is not None), None)
            fault = step.fault if step is not None else None
            if fault is None or fault.at not in WITHIN_A_REQUEST or not fault.strikes():
                return None
            assert step is not None
            step.used += fault.ends  # else it is chosen again when the request is whole
        return fault
