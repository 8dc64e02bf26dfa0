"""What a client asked for. RFC 9110 §3.4. Nothing here reads: the body is a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ehttpd.cancellation import NO_DEADLINE, Deadline, Disconnection
from ehttpd.fields import FieldLines, Fields
from ehttpd.messages.bodies import NO_BODY
from ehttpd.messages.client import NO_CLIENT, Client
from ehttpd.messages.targets import path_of, percent_decode
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO, Any, BinaryIO

    from ehttpd.messages.tls import TLS
    from ehttpd.toolkit.cookies import Cookies
    from ehttpd.toolkit.forms import Form
    from ehttpd.toolkit.octets import Limits
    from ehttpd.toolkit.query import Query
    from ehttpd.toolkit.ranges import RangeSet

NO_FIELDS = Fields()
# RFC 9110 §9.3 and RFC 5789. A request may have any other.
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")


class Request:
    """What a client asked for.

    ``method``, ``target`` (as sent, RFC 9112 §3.2), ``version`` (``"HTTP/1.1"``), ``headers``, ``body`` (a binary file
    that ends where the body ends), ``trailers`` (RFC 9110 §6.5) and ``client``. One thread at a time: the handler's.
    """

    def __init__(
        self,
        method: str,
        target: str,
        version: str = "HTTP/1.1",
        headers: Fields = NO_FIELDS,
        body: BinaryIO = NO_BODY,
        client: Client = NO_CLIENT,
    ) -> None:
        self.method = method
        """``"GET"``, as it was sent: methods are case-sensitive (RFC 9110 §9.1)."""
        self.target = target
        """The request target as it was sent (RFC 9112 §3.2): path and query, most of the time."""
        self.version = version
        """``"HTTP/1.1"`` or ``"HTTP/1.0"``."""
        self.headers = headers
        """The fields: names in any case, ``headers["host"]`` or ``headers.get("accept")``."""
        self.body = body
        """A binary file that ends where the body ends."""
        self.client = client
        """Who asked."""
        self._state: dict[str, Any] | None = None
        self._name = ""

    trailers: Fields = NO_FIELDS
    params: Mapping[str, Any] = {}
    """What a router captured."""
    mount = ""
    """The path that this request is seen from below of, nothing as a rule."""
    outer: Request | None = None
    """The request as it is seen above that path."""
    deadline: Deadline = NO_DEADLINE
    """Until when an answer is wanted: `set_deadline`."""

    @property
    def disconnected(self) -> Disconnection:
        """Whether the client has left meanwhile."""
        return self.client.disconnected

    @property
    def state(self) -> dict[str, Any]:
        """What middlewares have found out, for handlers: one mapping per request, empty at first."""
        if self._state is None:
            self._state = {"request_id": self._name} if self._name else {}
        return self._state

    @property
    def raw_path(self) -> str:
        """The path as it was sent, percent-encoded: ``"*"`` and absolute targets give ``"/"`` or their own path."""
        return path_of(self.target)

    @property
    def path(self) -> str:
        """The path, percent-decoded, as text in UTF-8 (octets that are no UTF-8 become U+FFFD)."""
        path = self.raw_path
        return percent_decode(path).decode("utf-8", "replace") if "%" in path else path

    @property
    def raw_query(self) -> str:
        """What follows the first ``?``, as it was sent."""
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> Query:
        """What follows the first ``?``: names and values, decoded. Raises BadRequest if there are too many."""
        from ehttpd.toolkit.query import Query

        return Query.parse(self.target)

    @cached_property
    def cookies(self) -> Cookies:
        """The cookies that came with the request (RFC 6265 §5.4), as far as they can be read."""
        from ehttpd.toolkit.cookies import Cookies

        return Cookies.parse(self.headers.get("cookie") or "")

    @cached_property
    def range(self) -> RangeSet | None:
        """Which parts of the content are wanted (RFC 9110 §14.2); None: all of it, or no range that has a meaning."""
        from ehttpd.toolkit.ranges import RangeSet

        field = self.headers.get("range")
        return None if field is None else RangeSet.parse(field)

    def accepts(self, *types: str) -> str | None:
        """Return which of these media types the client wants most, the first of equals (RFC 9110 §12.5.1).

        None if it wants none of them. A client that says nothing takes everything. Raises HandlerError if one is no
        media type.
        """
        from ehttpd.toolkit.negotiation import best_type

        return best_type(self.headers.get("accept"), types)

    def evaluate_preconditions(self, headers: FieldLines | None) -> None:
        """Go on only if the client's conditions hold (RFC 9110 §13.2), before anything is changed or made.

        ``headers`` are those of a response to GET with what there is now: ETag or Last-Modified, and what caches are
        told, since a 304 tells it, too. None: there is nothing.

        Raises:
            RaisedAnswer: they do not hold. It is an answer: 412, or 304 for GET and HEAD.
            HandlerError: a field is not written as it must be.
        """
        from ehttpd.toolkit.conditions import evaluate_preconditions

        evaluate_preconditions(self, headers)

    @property
    def origin(self) -> Request:
        """The request as it came: itself, or what it was before it was seen from below a mount."""
        request = self
        while request.outer is not None:
            request = request.outer
        return request

    @property
    def connection(self) -> Client:
        """The connection that the request came on: another name for ``client``."""
        return self.client

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        return self.client.scheme

    @property
    def tls(self) -> TLS | None:
        """What TLS tells about the connection and, if there is a certificate, about the client; see `Client.tls`."""
        return self.client.tls

    @property
    def url(self) -> str:
        """What the client asked for, as far as the server knows: behind a proxy, as far as that is trusted."""
        prefix = self.client.prefix
        if prefix:
            from urllib.parse import quote

            prefix = quote(prefix, encoding="latin-1")
        _, question_mark, query = self.target.partition("?")
        return f"{self.scheme}://{self.host}{prefix}{self.mount}{self.raw_path}{question_mark}{query}"

    @property
    def host(self) -> str:
        """The host that was asked, with its port if one was given (RFC 9110 §7.2); empty if nobody said."""
        return self.headers.get("host") or ""

    @property
    def keep_alive(self) -> bool:
        """Whether the client would send another request on this connection (RFC 9112 §9.3)."""
        from ehttpd.toolkit.octets import keeps_alive

        return keeps_alive(self)

    @property
    def id(self) -> str:
        """A name for logs, no other request's: the one that the middleware `request_id` has given it, else the one in
        the field that the operator trusts (``request_id_header``), else 16 random digits.
        """
        return self.named()

    def named(self) -> str:
        """As `id`, and a tenth of a microsecond faster than a property."""
        if self._state is None:
            self._name = name = self._name or self.client.name_of(self)
            return name
        name = self._state.get("request_id", "")
        if not name:
            self._state["request_id"] = self._name = name = self.client.name_of(self)
        return name

    @property
    def raw_head(self) -> bytes:
        """The request line and the fields as octets, but for whitespace around field values."""
        from ehttpd.toolkit.octets import head_of

        return head_of(self)

    @classmethod
    def read(cls, source: bytes | IO[bytes], limits: Limits | None = None) -> Request | None:
        """Return the next request of a binary file, or that of octets, its body received; None at the end.

        For use without a server. The file then stands behind the request. Close the request's ``body``: a long one is
        a temporary file.

        Raises:
            RequestRefused: the request breaks a rule, or is larger than ``limits``.
            ConnectionLost: the file ends in the middle of a request.
        """
        from ehttpd.toolkit.octets import read_request

        return read_request(source, limits)

    @property
    def has_body(self) -> bool:
        """Whether a body came with the request, be it empty chunks."""
        return self.body is not NO_BODY

    @property
    def content_length(self) -> int | None:
        """How many octets the body has, as its sender told (RFC 9110 §8.6); None if nobody did."""
        length = self.headers.get("content-length")
        return None if length is None else int(length)

    def pieces(self, limit: int | None = None) -> Iterator[bytes]:
        """Yield the body piece by piece, of a handler that streams as each arrives.

        Raises:
            ContentTooLarge: it has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import pieces_of

        return pieces_of(self, limit)

    def read_all(self, limit: int | None = None) -> bytes:
        """Return the body. Who asks again gets it again.

        Raises:
            ContentTooLarge: it has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_all

        return read_all(self, limit)

    def text(self, limit: int | None = None) -> str:
        """Return the body as text, in the charset that its type names, else in UTF-8.

        Raises:
            RequestRefused: it is no such text, or has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_text

        return read_text(self, limit)

    def json(self, limit: int | None = None) -> Any:
        """Return the value that the body is in JSON (RFC 8259), whatever its Content-Type says: some say none, others
        that it is a form.

        A page of another site may so have a browser send JSON with our user's cookies, unless those are ``SameSite``,
        as `Response.set_cookie` makes them, or `headers` are looked at.

        Raises:
            BadRequest: it is no JSON.
            UnsupportedMediaType: it is compressed.
            ContentTooLarge: it has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_json

        return read_json(self, limit)

    def form(self, limit: int | None = None) -> Form:
        """Return what a form has sent: its fields as a mapping, uploads as ``.files``. Who asks again gets it again.

        multipart/form-data needs ``pip install "ehttpd[forms]"``; uploads are kept on disk, until the form is let go.

        Raises:
            BadRequest: it is broken.
            UnsupportedMediaType: it is no form.
            ContentTooLarge: it has more than ``limit`` octets, or too many fields.
            HandlerError: the extra is not installed.
        """
        from ehttpd.toolkit.forms import read_form

        return read_form(self, limit)

    def save(self, path: str | os.PathLike[str], limit: int | None = None) -> int:
        """Write the body to a file, which is there as a whole or not at all; return how many octets it has.

        Raises:
            ContentTooLarge: it has more than ``limit`` octets.
            OSError: the file cannot be written.
        """
        from ehttpd.toolkit.bodies import save

        return save(self, path, limit)

    def early_hints(self, links: str | Iterable[str]) -> None:
        """Send 103 (Early Hints, RFC 8297) now: what a client may fetch while it waits for the response.

        ``links`` are values of the Link field, or one, such as ``</style.css>; rel=preload; as=style``. The handler's
        thread only.
        """
        links = (links,) if isinstance(links, str) else links
        self.client.send_interim(self, 103, [("Link", link) for link in links])

    def set_deadline(self, seconds: float) -> None:
        """Have an answer wanted within ``seconds`` from now, unless the deadline is earlier already."""
        self.deadline = Deadline(min(self.deadline.at, time.monotonic() + seconds))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target!r} {self.version}>"

    def __str__(self) -> str:
        """As messages tell of it: with the name by which other logs know it."""
        return f"<Request {self.method} {self.target!r} {self.version} {self.id}>"
