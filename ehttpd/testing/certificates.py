"""An authority for tests, made on the fly, and the certificates that it signs.

RFC 5280, with the standard library alone. FOR TESTS ONLY: see p256.py. Made once a process, in tens of milliseconds.
"""

from __future__ import annotations

import atexit
import base64
import datetime
import hashlib
import ipaddress
import os
import secrets
import ssl
import tempfile
from collections.abc import Sequence
from functools import cache

from ehttpd.testing import der
from ehttpd.testing.p256 import Key
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

HOSTS = ("localhost", "127.0.0.1", "::1")
# A clock that is slow, on a machine that lends its time from another, must not refuse what was made a second ago.
SINCE = datetime.timedelta(days=1)
LASTS = datetime.timedelta(days=30)

EC_PUBLIC_KEY = der.object_identifier("1.2.840.10045.2.1")
PRIME256V1 = der.object_identifier("1.2.840.10045.3.1.7")
ECDSA_WITH_SHA256 = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))
COMMON_NAME = der.object_identifier("2.5.4.3")
SERVER_AUTHENTICATION = der.object_identifier("1.3.6.1.5.5.7.3.1")
CLIENT_AUTHENTICATION = der.object_identifier("1.3.6.1.5.5.7.3.2")
# RFC 5280 §4.2.1.3: digitalSignature is the first bit, keyCertSign and cRLSign the sixth and seventh.
SIGNS_DATA = der.bit_string(b"\x80", unused=7)
SIGNS_CERTIFICATES = der.bit_string(b"\x06", unused=1)


class Authority:
    """Signs certificates for servers of tests. ``pem`` is the path of its own certificate."""

    def __init__(self, name: str = "ehttpd test authority") -> None:
        self._name = common_name(name)
        self._key = Key()
        extensions = [
            extension("2.5.29.19", der.sequence(der.boolean(True), der.integer(0)), critical=True),  # basicConstraints
            extension("2.5.29.15", SIGNS_CERTIFICATES, critical=True),  # keyUsage
            extension("2.5.29.14", der.octet_string(identifier(self._key))),  # subjectKeyIdentifier
        ]
        self.certificate = self._signed(self._name, self._key, extensions)
        self.pem = kept_in_file(armoured("CERTIFICATE", self.certificate))

    def issue(
        self, hosts: Sequence[str] = HOSTS, *, purpose: bytes = SERVER_AUTHENTICATION, lasts: datetime.timedelta = LASTS
    ) -> tuple[bytes, Key]:
        """Return a certificate in DER for names and addresses of hosts, and its key."""
        key = Key()
        extensions = [
            extension("2.5.29.19", der.sequence(), critical=True),  # basicConstraints: signs no other
            extension("2.5.29.15", SIGNS_DATA, critical=True),  # keyUsage
            extension("2.5.29.37", der.sequence(purpose)),  # extKeyUsage
            extension("2.5.29.17", der.sequence(*map(general_name, hosts))),  # subjectAltName
            extension("2.5.29.14", der.octet_string(identifier(key))),
            extension("2.5.29.35", der.sequence(der.context(0, identifier(self._key), constructed=False))),
        ]
        return self._signed(common_name(hosts[0]), key, extensions, lasts), key

    def pem_for(self, hosts: Sequence[str] = HOSTS, **details: Any) -> str:
        """Return the path of a file with a certificate for ``hosts`` and its key: what ``certfile`` wants.
        ``details`` are those of `issue`.
        """
        certificate, key = self.issue(hosts, **details)
        return kept_in_file(armoured("CERTIFICATE", certificate) + armoured("EC PRIVATE KEY", written_key(key)))

    def server_context(self, hosts: Sequence[str] = HOSTS) -> ssl.SSLContext:
        """Return a server's context with a certificate for ``hosts``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem_for(hosts))
        return context

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        """Return a client's context that trusts this authority, and no other; with a certificate for a ``name``, such
        as ``anna@example.com``, if one is given.
        """
        context = ssl.create_default_context(cafile=self.pem)
        if name is not None:
            context.load_cert_chain(self.pem_for([name], purpose=CLIENT_AUTHENTICATION))
        return context

    def _signed(
        self, subject: bytes, key: Key, extensions: Sequence[bytes], lasts: datetime.timedelta = LASTS
    ) -> bytes:  # fmt: skip
        """Return a certificate (RFC 5280 §4.1)."""
        now = datetime.datetime.now(datetime.UTC)
        content = der.sequence(
            der.context(0, der.integer(2)),  # version 3
            der.integer(secrets.randbits(127) + 1),
            ECDSA_WITH_SHA256,
            self._name,
            der.sequence(der.time(now - SINCE), der.time(now + lasts)),
            subject,
            der.sequence(der.sequence(EC_PUBLIC_KEY, PRIME256V1), der.bit_string(key.public_octets)),
            der.context(3, der.sequence(*extensions)),
        )
        signature = der.sequence(*map(der.integer, self._key.sign(content)))
        return der.sequence(content, ECDSA_WITH_SHA256, der.bit_string(signature))


@cache
def session_authority() -> Authority:
    """Return the authority of this process, made when it is first needed."""
    return Authority()


def common_name(text: str) -> bytes:
    return der.sequence(der.set_of(der.sequence(COMMON_NAME, der.utf8_string(text))))


def extension(identifier: str, content: bytes, *, critical: bool = False) -> bytes:
    criticality = der.boolean(True) if critical else b""
    return der.sequence(der.object_identifier(identifier), criticality, der.octet_string(content))


def general_name(host: str) -> bytes:
    """Return a host as a name, or as an address of whichever kind if it is one (RFC 5280 §4.2.1.6)."""
    if "@" in host:
        return der.context(1, host.encode("ascii"), constructed=False)
    try:
        return der.context(7, ipaddress.ip_address(host).packed, constructed=False)
    except ValueError:
        return der.context(2, host.encode("idna"), constructed=False)


def identifier(key: Key) -> bytes:
    """Return what a key is known by (RFC 5280 §4.2.1.2)."""
    return hashlib.sha1(key.public_octets, usedforsecurity=False).digest()


def written_key(key: Key) -> bytes:
    """Return a private key (RFC 5915 §3)."""
    return der.sequence(
        der.integer(1),
        der.octet_string(key.secret.to_bytes(32, "big")),
        der.context(0, PRIME256V1),
        der.context(1, der.bit_string(key.public_octets)),
    )


def armoured(label: str, octets: bytes) -> str:
    """Return octets as text (RFC 7468)."""
    lines = base64.encodebytes(octets).decode().replace("\n", "")
    wrapped = "\n".join(lines[begin : begin + 64] for begin in range(0, len(lines), 64))
    return f"-----BEGIN {label}-----\n{wrapped}\n-----END {label}-----\n"


def kept_in_file(text: str) -> str:
    """Return the path of a file that holds ``text`` until the process ends, and that nobody else may read."""
    descriptor, path = tempfile.mkstemp(prefix="ehttpd-", suffix=".pem")
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    atexit.register(remove, path, os.getpid())
    return path


def remove(path: str, process: int) -> None:
    """Remove a file, if this is the process that made it and not one that came of it."""
    if os.getpid() == process:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
