"""What makes a test fail by itself: what was not asked, what should not have been, what broke, what was left.

The test author's. Knows what is found, not where it is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence


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


class StrayRequest(UserWarning):
    """A request came to a shared server after the test that it was for had ended; it was answered 503."""


def raise_together(what: str, failures: Sequence[BaseException]) -> None:
    """Raise one group of all failures, if there are any."""
    if failures:
        raise BaseExceptionGroup(what, failures)
