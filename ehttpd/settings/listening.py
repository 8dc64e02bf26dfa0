"""Where clients connect, and how they and we are sure of each other.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.units import Choice, Count, FileName, FileNames, Mode, Seconds, Several, Switch, Text
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Self


HIGHEST_PORT = 65535


class Addresses(Several):
    """Where to listen. One text with commas or blanks between the addresses, or a sequence of texts."""

    __slots__ = ()
    metavar = "ADDRESS"
    repeatable = True
    meaning = "one or more addresses such as 127.0.0.1:8000, :8000, unix:/run/app.sock, fd:3 or systemd"

    @classmethod
    def read(cls, value: object) -> Self:
        addresses = cls.words(value)
        if not isinstance(addresses, (list, tuple)) or not addresses:
            raise ValueError(cls.meaning)
        if not all(isinstance(address, str) and is_address(address) for address in addresses):
            raise ValueError(cls.meaning)
        return cls(addresses)


def is_address(text: str) -> bool:
    """Tell whether ``text`` is written as an address is. Whether it can be listened on is not known here."""
    place = text.removeprefix("https://").removeprefix("http://")
    if place.startswith(("unix:", "fd:")) or place == "systemd":
        return place not in ("unix:", "fd:") and "\0" not in place
    _, colon, port = place.rpartition(":")
    return bool(colon) and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= HIGHEST_PORT


class ClientCertificates(Choice):
    """Whether clients show a certificate."""

    __slots__ = ()
    metavar = "none|optional|required"
    CHOICES = ("none", "optional", "required")
    SYNONYMS: ClassVar = {"0": "none", "1": "optional", "2": "required"}
    meaning = "none, optional or required (0, 1 or 2)"

    @classmethod
    def read(cls, value: object) -> Self:
        word = str(int(value)) if isinstance(value, int) and not isinstance(value, bool) else value  # ssl's are numbers
        return super().read(word.lower().removeprefix("cert_") if isinstance(word, str) else word)


class TLSVersion(Choice):
    """A version of TLS."""

    __slots__ = ()
    metavar = "1.2|1.3"
    CHOICES = ("1.2", "1.3")
    meaning = "1.2 or 1.3"

    @classmethod
    def read(cls, value: object) -> Self:
        return super().read(str(value).lower().removeprefix("tls").removeprefix("v"))


class ListenSettings(Group, section="Listening"):
    """Where clients connect."""

    bind: Addresses = setting(
        Addresses(("127.0.0.1:8000",)),
        "Listen here: host:port, :port (every interface, IPv4 and IPv6), unix:path, unix:@name, fd:number, fd:name or "
        "systemd. May be given several times.",
        flags=("-b", "--bind", "--listen"),
        aliases={"--uds": "unix:{}", "--unix-socket": "unix:{}", "--fd": "fd:{}"},
        platform={"PORT": "0.0.0.0:{}"},
    )
    backlog: Count = setting(
        Count(2048),
        "Let the kernel hold this many connections that are not yet accepted.",
        at_least=1,
        at_most=(1 << 31) - 1,  # listen(2) takes an int
    )
    reuse_port: Switch = setting(
        Switch(0),
        "Let other processes listen on the same ports; the kernel shares out the connections.",
    )
    uds_mode: Mode = setting(
        Mode(0o660),
        "Give the file of a Unix socket these permissions: who may connect.",
        flags=("--uds-mode", "--uds-permissions", "--unix-socket-perms"),
    )
    max_connections: Count = setting(
        Count(0),
        "Let each process accept no more connections than this at a time; 0: as many as it may open.",
        flags=("--max-connections", "--connection-limit", "--worker-connections"),
        at_least=0,
    )


class TLSSettings(Group, section="TLS"):
    """Certificates, and what is asked of clients'."""

    certfile: FileNames = setting(
        FileNames(()),
        "Speak TLS with the certificate in this file, its chain behind it; or with those in a folder. May be repeated.",
        flags=("--certfile", "--ssl-certfile", "--ssl-certificate"),
    )
    keyfile: FileNames = setting(
        FileNames(()),
        "The key of the certificate, if it is not in the same file. As often as certfile, in the same order.",
        flags=("--keyfile", "--ssl-keyfile"),
    )
    keyfile_password_file: FileName = setting(
        FileName(""), "Read the passphrase of an encrypted key from this file."
    )
    ca_certs: FileName = setting(
        FileName(""),
        "Trust certificates of clients that an authority in this file has signed.",
        flags=("--ca-certs", "--ssl-ca-certs", "--ssl-ca"),
    )
    cert_reqs: ClientCertificates = setting(
        ClientCertificates("none"),
        "Ask clients for a certificate: none, optional, required.",
        flags=("--cert-reqs", "--ssl-cert-reqs", "--verify-mode"),
    )
    ciphers: Text = setting(
        Text(""),
        "Offer these ciphers with TLS 1.2, as OpenSSL writes them; nothing: those that Python thinks safe.",
        flags=("--ciphers", "--ssl-ciphers"),
    )
    tls_min: TLSVersion = setting(
        TLSVersion("1.2"),
        "Speak no version of TLS below this.",
        flags=("--tls-min", "--ssl-protocol-min"),
    )
    handshake_timeout: Seconds = setting(
        Seconds(10.0),
        "Close a connection whose TLS handshake takes longer than this.",
        flags=("--handshake-timeout", "--ssl-handshake-timeout"),
        at_least=0.001,
    )
