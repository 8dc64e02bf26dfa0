"""What TLS tells about a connection: plain values. RFC 8446, RFC 5280.

Knows nothing of sockets; OpenSSL is asked once, when the handshake is done.
"""

from __future__ import annotations

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from typing import Any, Self, TypeAlias

# A distinguished name: attributes such as ``("commonName", "Anna")``, the most general first.
Name: TypeAlias = "tuple[tuple[str, str], ...]"


class TLS:
    """How a connection is encrypted, and who the client is if it said so with a certificate.

    ``protocol`` is ``TLSv1.3`` or ``TLSv1.2``, ``cipher`` as OpenSSL names it, with a key of ``bits`` bits.
    ``server_name`` is the host that the client asked for (SNI), None if it named none. ``application_protocol`` is what
    ALPN agreed on, None if the client offered nothing. ``resumed``: by a session of an earlier connection.
    ``certificate`` has been verified.
    """

    __slots__ = ("application_protocol", "bits", "certificate", "cipher", "protocol", "resumed", "server_name")

    def __init__(
        self,
        protocol: str,
        cipher: str,
        bits: int,
        *,
        server_name: str | None = None,
        application_protocol: str | None = None,
        resumed: bool = False,
        certificate: ClientCertificate | None = None,
    ) -> None:
        self.protocol = protocol
        self.cipher = cipher
        self.bits = bits
        self.server_name = server_name
        self.application_protocol = application_protocol
        self.resumed = resumed
        self.certificate = certificate

    @classmethod
    def of(cls, engine: ssl.SSLObject) -> Self:
        """Return what OpenSSL knows once the handshake is done."""
        cipher, _, bits = engine.cipher() or ("", "", 0)
        octets = engine.getpeercert(binary_form=True)
        certificate = ClientCertificate(octets, engine.getpeercert() or {}) if octets else None
        return cls(
            engine.version() or "",
            cipher,
            bits,
            server_name=getattr(engine, "asked_name", None),
            application_protocol=engine.selected_alpn_protocol(),
            resumed=bool(engine.session_reused),
            certificate=certificate,
        )

    def __repr__(self) -> str:
        return f"<{self.protocol} {self.cipher}>"


class ClientCertificate:
    """A client's certificate, verified. ``octets`` is all of it (DER)."""

    __slots__ = ("_fields", "octets")

    def __init__(self, octets: bytes, fields: Any) -> None:
        self.octets = octets
        self._fields = fields  # as `ssl.SSLSocket.getpeercert` returns them

    @property
    def pem(self) -> str:
        """All of it as text (RFC 7468)."""
        from ssl import DER_cert_to_PEM_cert

        return DER_cert_to_PEM_cert(self.octets)

    @property
    def subject(self) -> Name:
        """Whose it is."""
        return _flat(self._fields.get("subject", ()))

    @property
    def issuer(self) -> Name:
        """Who signed it."""
        return _flat(self._fields.get("issuer", ()))

    @property
    def common_name(self) -> str:
        """The common name of its subject, nothing if it has none."""
        return dict(self.subject).get("commonName", "")

    @property
    def serial_number(self) -> str:
        """What its issuer has numbered it, as hexadecimal digits."""
        return str(self._fields.get("serialNumber", ""))

    @property
    def not_before(self) -> str:
        """Since when it is valid, such as ``Jan  5 09:34:43 2026 GMT``."""
        return str(self._fields.get("notBefore", ""))

    @property
    def not_after(self) -> str:
        """Until when it is valid."""
        return str(self._fields.get("notAfter", ""))

    @property
    def alternative_names(self) -> Name:
        """What else its subject is called, such as ``("email", "anna@example.com")`` or ``("DNS", "example.com")``."""
        return tuple(self._fields.get("subjectAltName", ()))

    def __repr__(self) -> str:
        return f"<certificate of {self.common_name!r}>"


def _flat(name: Any) -> Name:
    return tuple(attribute for part in name for attribute in part)
