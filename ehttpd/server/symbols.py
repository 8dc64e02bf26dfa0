"""Functions of the process by name: the C library's, and CPython's own.

`ctypes` would take another millisecond, of the 45 from the start to the first answer, and 900 KB.
"""

from __future__ import annotations

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def address_of(name: str) -> int:
    """Return where a function is. Raises ImportError, OSError or TypeError where there is no such."""
    from _ctypes import dlopen, dlsym

    return dlsym(dlopen(None, 0), name)  # type: ignore[arg-type]  # None: the process itself


def c_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library that takes and returns an int; None where there is no such."""
    try:
        from _ctypes import call_function

        address = address_of(name)
    except (ImportError, OSError, TypeError):  # not a POSIX system; another C library
        return None
    return lambda *numbers: call_function(address, numbers)
