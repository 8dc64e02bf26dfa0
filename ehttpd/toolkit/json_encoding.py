"""Values as JSON (RFC 8259), in a third of the time that `json.dumps` takes for a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json import JSONEncoder, encoder

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def _encodable(value: Any) -> Any:
    """Return what the encoder writes instead of a value that it does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"A value of the type {type(value).__name__} cannot be written as JSON.")


def _maker() -> Callable[[Any, int], Iterable[str]]:
    """Return what encodes a value in pieces.

    `json.dumps` makes this object anew for each call. Without C, there is only its slower sibling. It does not look for
    circles: one ends in RecursionError.
    """
    plain = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, default=_encodable)
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, level: plain.iterencode(value)
    string = encoder.encode_basestring
    made: Callable[[Any, int], Iterable[str]] = make(
        None, _encodable, string, None, plain.key_separator, plain.item_separator, False, False, False
    )
    return made


_encode = _maker()


def encode_json(value: Any) -> bytes:
    """Return a value as JSON, in UTF-8.

    Raises:
        TypeError: it cannot be written as JSON.
        ValueError: it contains a number that is none, or is infinite.
        RecursionError: it contains itself.
    """
    return "".join(_encode(value, 0)).encode()
