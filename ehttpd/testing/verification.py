"""What makes a test fail by itself: what was not asked, what should not have been, what broke, what was left.

The test author's. Knows what is found, not where it is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from ehttpd.server.stacks import traceback_of


class UnmetRule(AssertionError):
    """A rule was not used as often as it said."""


class UnexpectedRequest(AssertionError):
    """A request came that no rule was for."""


class NoRequest(AssertionError):
    """No request came in time."""


class Unanswered(AssertionError):
    """When the server stopped, something was still being served."""


class LeftBehind(AssertionError):
    """A test has ended, and a thread or a socket of it has not."""


class SlowStop(UserWarning):
    """A server has taken more than five seconds to stop."""


class StrayRequest(UserWarning):
    """A request came to a shared server after the test that it was for had ended; it was answered 503."""


def all_together(what: str, failures: Sequence[BaseException]) -> BaseException:
    """Return what is to be raised for failures, each with the traceback of whose mistake it is: one as it is, several
    as a group. A SystemExit and its like are in a group even alone, for they would end the tests and not fail one.
    """
    errors = [error.with_traceback(traceback_of(error)) for error in failures]
    return errors[0] if len(errors) == 1 and isinstance(errors[0], Exception) else BaseExceptionGroup(what, errors)


# As their users import them, not where they are.
for _class in (UnmetRule, UnexpectedRequest, NoRequest, Unanswered, LeftBehind, StrayRequest, SlowStop):
    _class.__module__ = "ehttpd.testing"
