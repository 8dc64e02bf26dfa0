"""Every exception of ehttpd, by whose mistake it was.

The operator's (`OperatorError`): wrong settings, an address that cannot be listened on, an application that cannot
be imported. The client's (`RequestRefused`): one class per status, RFC 9110 §15.5. The network's (`ConnectionLost`):
nobody is left to answer. The application's (`HandlerError`): answered with 500. And one that is nobody's mistake: an
answer that is raised (`RaisedAnswer`). Catch the base, raise the leaf.
"""

from __future__ import annotations

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class EhttpdError(Exception):
    """The root of every exception that ehttpd raises."""


class OperatorError(EhttpdError):
    """Whoever started the server can mend this. The message says what happened; ``cure`` says what to do."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class SettingsError(OperatorError):
    """A setting is unknown, of the wrong type, or out of its bounds."""


class ListenError(OperatorError):
    """An address cannot be listened on. ``address`` is the one that failed, as the operator wrote it."""

    def __init__(self, message: str, cure: str = "", *, address: str = "", errno: int | None = None) -> None:
        super().__init__(message, cure)
        self.address = address
        self.errno = errno


class CertificateError(OperatorError):
    """A certificate or its key cannot be used."""


class ApplicationImportError(OperatorError):
    """The application that the operator named cannot be found, imported or called."""


class RequestRefused(EhttpdError):
    """The client broke a rule. The message names the rule and is sent to the client."""

    status = 400
    fields: tuple[tuple[str, str], ...] = ()
    """What the response says besides."""


class BadRequest(RequestRefused):
    """The request breaks the grammar or the framing of RFC 9112 (RFC 9110 §15.5.1)."""


class RequestTimeout(RequestRefused):
    """The request did not arrive in time (RFC 9110 §15.5.9)."""

    status = 408


class ContentTooLarge(RequestRefused):
    """The body is longer than ``limit_request_body`` (RFC 9110 §15.5.14)."""

    status = 413


class URITooLong(RequestRefused):
    """The request line is longer than ``limit_request_line`` (RFC 9110 §15.5.15)."""

    status = 414


class ExpectationFailed(RequestRefused):
    """The Expect field asks for something else than 100-continue (RFC 9110 §15.5.18)."""

    status = 417


class MisdirectedRequest(RequestRefused):
    """The request is for an https URI, and its connection is not secured (RFC 9110 §7.4, §15.5.20)."""

    status = 421


class FieldsTooLarge(RequestRefused):
    """The header section has too many fields, or too long ones (RFC 6585 §5)."""

    status = 431


class NotImplementedHere(RequestRefused):
    """The method or the transfer coding is one this server does not offer (RFC 9110 §15.6.2)."""

    status = 501


class ServiceUnavailable(RequestRefused):
    """There is too much to do, or no memory left for it (RFC 9110 §15.6.4). Our mistake rather than the client's."""

    status = 503
    fields = (("Retry-After", "1"),)


class QueueFull(ServiceUnavailable):
    """Every thread is busy, and ``queue_limit`` requests wait already."""


class QueueTimeout(ServiceUnavailable):
    """Every thread is busy, and the request has waited for ``queue_timeout`` seconds."""


class InsufficientStorage(RequestRefused):
    """There is no room on disk for the body (RFC 4918 §11.5). Our mistake rather than the client's."""

    status = 507


class VersionNotSupported(RequestRefused):
    """The request is not HTTP/1.x (RFC 9110 §15.6.6)."""

    status = 505


class ConnectionLost(EhttpdError):
    """The client closed, reset or fell silent. Nobody is left to answer; logged at DEBUG.

    ``whose`` is what was lost, where a handler may hold more than its own connection. That of another is the
    handler's mistake: its own client still waits for an answer.
    """

    __slots__ = ("whose",)  # and so no part of what is pickled

    def __init__(self, message: str = "", whose: object = None) -> None:
        super().__init__(message)
        self.whose = whose

    def ends(self, connection: object) -> bool:
        """Tell whether it is this connection that was lost."""
        return self.whose is None or self.whose is connection


class HandlerError(EhttpdError):
    """The application broke its contract: answered with 500 where that is still possible."""


class RaisedAnswer(EhttpdError):
    """What a handler answers, raised instead of returned."""

    def response(self, request: Any) -> Any:
        """Return the `Response` to a `Request`. Neither is known down here."""
        raise NotImplementedError
