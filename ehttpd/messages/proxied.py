"""What a proxy says of a connection that it passes on: plain values. The PROXY protocol, HAProxy's specification."""

from __future__ import annotations

from collections.abc import Mapping

LOCAL = 0  # the command of a proxy that speaks for itself
# Types of values: §2.2.1 to §2.2.8
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL, NETNS = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30
SSL_VERSION, SSL_COMMON_NAME, SSL_CIPHER, SSL_SIGNATURE, SSL_KEY = 0x21, 0x22, 0x23, 0x24, 0x25
CERTIFICATE_NOW, CERTIFICATE_EARLIER = 0x02, 0x04


class ProxyHeader:
    """What the proxy has said. ``remote`` and ``local`` are the ends of the connection that it passes on, host and
    port; None if it speaks for itself (``local_command``: a health check), or does not say.

    ``tlvs`` are all pairs of type and value, in order; those of the specification have names here. ``ssl`` is None if
    the client's side is not encrypted, or the proxy does not say.
    """

    def __init__(
        self,
        version: int,
        remote: tuple[str, int] | None = None,
        local: tuple[str, int] | None = None,
        tlvs: tuple[tuple[int, bytes], ...] = (),
        ssl: ProxySSL | None = None,
        *,
        local_command: bool = False,
    ) -> None:
        self.version = version
        self.local_command = local_command
        self.remote = remote
        self.local = local
        self.tlvs = tlvs
        self.ssl = ssl

    def get(self, kind: int) -> bytes | None:
        """Return the value of the first TLV of a type, None if there is none."""
        return next((value for each, value in self.tlvs if each == kind), None)

    @property
    def application_protocol(self) -> str | None:
        """What ALPN agreed on between the client and the proxy."""
        return _text(self.get(ALPN))

    @property
    def authority(self) -> str | None:
        """The host that the client named, by SNI as a rule."""
        return _text(self.get(AUTHORITY))

    @property
    def unique_id(self) -> bytes | None:
        """What the proxy calls the connection."""
        return self.get(UNIQUE_ID)

    @property
    def namespace(self) -> str | None:
        """The network namespace of the proxy's side."""
        return _text(self.get(NETNS))

    def __repr__(self) -> str:
        return f"<PROXY v{self.version} from {self.remote} to {self.local}>"


class ProxySSL:
    """What the proxy says of TLS between the client and itself (§2.2.5)."""

    def __init__(self, flags: int, valid: bool, values: Mapping[int, bytes]) -> None:
        # Whether the client showed a certificate, on this connection or earlier in its session, and it was valid.
        self.verified = valid and bool(flags & (CERTIFICATE_NOW | CERTIFICATE_EARLIER))
        self.protocol = _text(values.get(SSL_VERSION))
        self.cipher = _text(values.get(SSL_CIPHER))
        self.common_name = _text(values.get(SSL_COMMON_NAME))
        self.signature_algorithm = _text(values.get(SSL_SIGNATURE))
        self.key_algorithm = _text(values.get(SSL_KEY))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
