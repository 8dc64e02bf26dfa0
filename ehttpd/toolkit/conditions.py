"""Conditional requests: what a client has already, compared with what there is now.

RFC 9110 §8.8 and §13. The one place where that is decided: for files, for the middleware `conditional`, and for
handlers that ask before they change something.
"""

from __future__ import annotations

import re
import time

from ehttpd.errors import HandlerError, RaisedAnswer
from ehttpd.fields import FieldLines, Headers
from ehttpd.messages import Request, Response
from ehttpd.toolkit.dates import parse_date
from ehttpd.toolkit.errors import HTTPError

# RFC 9110 §8.8.3:  entity-tag = [ weak ] opaque-tag;  weak = %s"W/";  opaque-tag = DQUOTE *etagc DQUOTE
ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7E\x80-\xFF]*")')
# RFC 9110 §13.2.1: these methods select no representation that a condition could be about.
UNCONDITIONAL = ("CONNECT", "OPTIONS", "TRACE")
# RFC 9110 §8.3 to §8.6, RFC 6266, RFC 9530: what describes content that is not sent.
OF_CONTENT = (
    "Content-Type", "Content-Encoding", "Content-Language", "Content-Length", "Content-Disposition", "Content-Digest",
    "Repr-Digest",
)  # fmt: skip


def entity_tags(field: str) -> list[tuple[bool, str]]:
    """Return the entity tags of a list, each with whether it is weak."""
    return [(bool(weak), opaque) for weak, opaque in ENTITY_TAG.findall(field)]


def matches(field: str, etag: str | None, *, weakly: bool) -> bool:
    """Tell whether ``etag`` is in a list of entity tags, or the list is ``*`` (RFC 9110 §8.8.3.2, §13.1.1, §13.1.2)."""
    if field.strip(" \t") == "*":
        return True
    ours = ENTITY_TAG.fullmatch(etag or "")
    if not ours:
        return False
    weak, opaque = ours.groups()
    return any(opaque == theirs and (weakly or not (weak or is_weak)) for is_weak, theirs in entity_tags(field))


class EarlyAnswer(RaisedAnswer):
    """What ends a conditional request early, raised."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.reason)
        self._answer = answer

    def response(self, request: Request) -> Response:
        return self._answer


def evaluate_preconditions(request: Request, headers: FieldLines | None) -> None:
    """Do what `Request.evaluate_preconditions` promises."""
    fields = Headers(headers)
    etag, last_modified = fields.get("etag"), fields.get("last-modified")
    if etag is not None and not ENTITY_TAG.fullmatch(etag):
        raise HandlerError(f"An ETag stands between double quotes, after W/ if it is weak. Found {etag!r}.")
    if last_modified is not None and parse_date(last_modified) is None:
        raise HandlerError(
            f"Last-Modified is a date such as 'Sun, 06 Nov 1994 08:49:37 GMT'. Found {last_modified!r}."
        )
    answer = early_answer(request, fields, headers is not None)
    if answer is not None:
        raise EarlyAnswer(answer)


def early_answer(request: Request, fields: Headers, exists: bool = True) -> Response | None:
    """Return what ends a conditional request early, 304 or 412; None if it is to be answered as usual.

    ``fields`` are those of the answer with what there is now, ETag and Last-Modified among them; they become those of
    the early one. ``exists``: whether there is anything.
    """
    status = precondition(request, fields.get("etag"), fields.get("last-modified"), exists)
    if status is None:
        return None
    for name in OF_CONTENT:
        fields.remove(name)
    if "etag" in fields:
        fields.remove("Last-Modified")  # RFC 9110 §15.4.5: a 304 has no more than it needs
    if status == 304:
        return Response(b"", 304, fields)
    for name in ("Cache-Control", "Expires"):  # RFC 9111 §3: a cache would keep the failure for so long
        fields.remove(name)
    return HTTPError(412, headers=fields).response(request)


def precondition(request: Request, etag: str | None, last_modified: str | None, exists: bool = True) -> int | None:
    """Return the status that ends a conditional request early, 304 or 412; None if it is to be answered as usual.

    ``etag`` and ``last_modified`` are the fields that the representation has now. The order is that of RFC 9110
    §13.2.2.
    """
    if request.method in UNCONDITIONAL:
        return None
    fields = request.headers
    reads = request.method in ("GET", "HEAD")
    if_match, if_none_match = fields.get("if-match"), fields.get("if-none-match")
    if if_match is not None:
        if not (exists and matches(if_match, etag, weakly=False)):
            return 412
    elif _was_modified(fields.get("if-unmodified-since"), last_modified) is True:
        return 412
    if if_none_match is not None:
        if exists and matches(if_none_match, etag, weakly=True):
            return 304 if reads else 412
    elif reads and _was_modified(fields.get("if-modified-since"), last_modified) is False:
        return 304
    return None


def _was_modified(since: str | None, last_modified: str | None) -> bool | None:
    """Tell whether it was modified since; None if there is no such field, or no such date."""
    if since is None or last_modified is None:
        return None
    date, modified = parse_date(since), parse_date(last_modified)
    return None if date is None or modified is None else modified > date


def ranges_apply(request: Request, etag: str | None, last_modified: str | None) -> bool:
    """Tell whether the Range field counts: If-Range, if there is one, names what there is now (RFC 9110 §13.1.5)."""
    field = request.headers.get("if-range")
    if field is None:
        return True
    if '"' in field:
        return field.strip(" \t") != "*" and matches(field, etag, weakly=False)
    date, modified = parse_date(field), parse_date(last_modified or "")
    # RFC 9110 §8.8.2.2: a date tells two versions apart only once its second is over.
    return date is not None and date == modified and date < int(time.time())
