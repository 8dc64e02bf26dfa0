"""What a client prefers: the Accept fields, and the best of what a server has.

RFC 9110 §12. Malformed members of a list are no preference; they refuse nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ehttpd.errors import HandlerError
from ehttpd.http11.grammar import TCHAR

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 9110 §12.4.2:  weight = OWS ";" OWS "q=" qvalue
#   qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
# RFC 9110 §12.5.1:  media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
# RFC 9110 §12.5.3:  codings = content-coding / "identity" / "*"
_MEMBER = re.compile(rf"({TCHAR}+(?:/{TCHAR}+)?)((?:[ \t]*;[ \t]*{TCHAR}+=(?:{TCHAR}+|{_QUOTED}))*)[ \t]*;?")
_PARAMETER = re.compile(rf";[ \t]*({TCHAR}+)=({TCHAR}+|{_QUOTED})")
# A quote that nobody closes goes on to the end: to look for more in it would take time with the square of its length.
_LIST_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')

# RFC 9110 §8.4.1.1 and §8.4.1.3
OLD_CODINGS = {"x-gzip": "gzip", "x-compress": "compress"}

Parameters = frozenset[tuple[str, str]]


def preferences(field: str) -> Iterator[tuple[str, Parameters, float]]:
    """Yield the members of an Accept field: name, parameters and weight, names in lower case."""
    for member in _LIST_MEMBER.findall(field):
        found = _MEMBER.fullmatch(member.strip(" \t"))
        if not found:
            continue
        parameters, weight = [], 1.0
        for name, value in _PARAMETER.findall(found[2]):
            if name.lower() == "q":  # RFC 9110 §12.5.1: wherever it stands
                weight = float(value) if WEIGHT.fullmatch(value) else 0.0
            else:
                parameters.append((name.lower(), _unquoted(value).lower()))
        yield found[1].lower(), frozenset(parameters), weight


def _unquoted(value: str) -> str:
    """Return what a token or a quoted string stands for (RFC 9110 §5.6.4)."""
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value[0] == '"' else value


def best_type(field: str | None, offered: Sequence[str]) -> str | None:
    """Return which of the ``offered`` media types an Accept field wants most (RFC 9110 §12.5.1).

    Of those it likes equally, the first. Without the field, or with an empty one, everything is acceptable. None if
    nothing is. Raises HandlerError if something is offered that is no media type.
    """
    if not field:
        return offered[0] if offered else None
    wanted = list(preferences(field))
    weights = [_weight_of_type(each, wanted) for each in offered]
    best = max(weights, default=0.0)
    return offered[weights.index(best)] if best else None


def _weight_of_type(offered: str, wanted: Sequence[tuple[str, Parameters, float]]) -> float:
    """Return the weight that the most specific of the media ranges which match gives."""
    name, parameters, _ = next(preferences(offered), ("", frozenset(), 0.0))
    if "/" not in name:
        raise HandlerError(f"A media type is a type, a slash and a subtype, such as 'text/html'. Found {offered!r}.")
    best, found = (-1, 0), 0.0
    for media_range, required, weight in wanted:
        specific = _matches(name, media_range)
        if specific >= 0 and required <= parameters and (specific, len(required)) > best:
            best, found = (specific, len(required)), weight
    return found


def _matches(name: str, media_range: str) -> int:
    """Return how specific a media range is that a type matches: 0 to 2; -1 if it does not match."""
    if media_range == name:
        return 2
    if media_range == name.partition("/")[0] + "/*":
        return 1
    return 0 if media_range == "*/*" else -1


def best_coding(field: str | None, offered: Sequence[str]) -> str | None:
    """Return which of the ``offered`` content codings an Accept-Encoding field wants most (RFC 9110 §12.5.3).

    Of those it likes equally, the first. None if the body is better sent as it is: without the field, nobody asked.
    """
    weights = {OLD_CODINGS.get(name, name): weight for name, _, weight in preferences(field or "")}
    others = weights.get("*", 0.0)
    offers = [(weights.get(coding, others), coding) for coding in offered]
    best, coding = max(offers, key=lambda offer: offer[0], default=(0.0, ""))
    # A client that names identity with more weight wants it more.
    return coding if best and best >= weights.get("identity", 0.0) else None
