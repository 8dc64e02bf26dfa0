"""What a process that an application forks from its server keeps of it: nothing.

`os.fork` and `multiprocessing` copy the process with the one thread that forked, which may be in the middle of a
handler. The copy has every descriptor: a connection that the server closes would stay open as long as the copy lives,
and whoever it answers would be answered twice. It hears the same signals, and would pass them on to the server. So each
owner of such things is told, in the copy, to let go of them; until then signals wait.

Where processes cannot be forked, nothing happens here.
"""

from __future__ import annotations

import os
import signal
import threading
from _weakref import ref  # `weakref` takes half a millisecond of the start

from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Owner(Protocol):
    """Who has something that only the process it was made in may use."""

    def forsake(self) -> None:
        """Let go of it, in a process that was just forked; no lock can be waited for, who held it is not here."""


_owners: list[ref[Owner]] = []
_held_back: dict[int, Iterable[int]] = {}  # by threads that fork: which signals they do not hear anyway


def tell_after_fork(owner: Owner) -> None:
    """Have an owner told in each process that is forked from this one, as long as somebody else knows it."""
    _owners.append(ref(owner, _owners.remove))


def _hold_signals_back() -> None:
    _held_back[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def _let_signals_come() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _held_back.pop(threading.get_ident()))


def _begin_anew() -> None:
    for each in reversed(_owners[:]):  # what was done last is undone first
        owner = each()
        if owner is not None:
            owner.forsake()
    _owners.clear()
    _let_signals_come()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_hold_signals_back, after_in_parent=_let_signals_come, after_in_child=_begin_anew
    )  # fmt: skip
