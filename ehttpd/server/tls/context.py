"""One certificate and its key -> what OpenSSL needs to use them, or a sentence that says why it cannot.

The operator's and OpenSSL's.
"""

from __future__ import annotations

import ssl

from ehttpd.errors import CertificateError, SettingsError
from ehttpd.server.tls.files import Pair
from ehttpd.server.tls.x509 import Statement
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.settings import Settings

# What ALPN offers (RFC 7301). HTTP/2 would be said here, before it.
PROTOCOLS = ["http/1.1"]
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
BEGIN_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
END_CERTIFICATE = "-----END CERTIFICATE-----"
END_KEY = "PRIVATE KEY-----"
ENCRYPTED = ("BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED")


def new_context(pair: Pair, settings: Settings) -> tuple[ssl.SSLContext, Statement]:
    """Return a context, and what its certificate says of itself.

    Raises:
        CertificateError: the certificate, its key, or the authorities for clients cannot be used.
        SettingsError: settings contradict each other, or OpenSSL knows no such ciphers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[settings.tls_min]
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client could have us sign for ever
    context.set_alpn_protocols(PROTOCOLS)
    context.num_tickets = 1  # for each connection; a second one takes a sixth of the handshake
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError:
            raise SettingsError(
                f"OpenSSL knows none of the ciphers {str(settings.ciphers)!r}.",
                "List those it knows: openssl ciphers -v. They are for TLS 1.2; those of TLS 1.3 are fixed.",
            ) from None
    _ask_clients(context, settings)
    statement = _statement(pair.certificate)
    _load(context, pair, settings.keyfile_password_file)
    return context, statement


def _ask_clients(context: ssl.SSLContext, settings: Settings) -> None:
    """Have clients show certificates, if they shall."""
    requirement, authorities = REQUIREMENTS[settings.cert_reqs], settings.ca_certs
    if requirement is not ssl.CERT_NONE and not authorities:
        raise SettingsError(
            f"with --cert-reqs {settings.cert_reqs} no client could show a certificate that is trusted.",
            "Say which authorities sign them: --ca-certs FILE.",
        )
    context.verify_mode = requirement
    if authorities:
        _text("the authorities", authorities, "--ca-certs")
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError:
            raise CertificateError(
                f"there is no certificate in {str(authorities)!r}.", "Give authorities in PEM with --ca-certs."
            ) from None


def _text(what: str, name: str, flag: str) -> str:
    """Return the content of a file. Raises CertificateError."""
    try:
        with open(name, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        cure = {
            "Permission denied": "Run as a user who may read it, or let this one."
        }  # of no account to those whose system speaks otherwise
        raise CertificateError(
            f"cannot read {what} {name!r}: {(error.strerror or str(error)).lower()}.",
            cure.get(error.strerror or "", f"Check {flag}."),
        ) from None


def _statement(name: str) -> Statement:
    text = _text("the certificate", name, "--certfile")
    armoured = text[text.find(BEGIN_CERTIFICATE) : text.find(END_CERTIFICATE) + len(END_CERTIFICATE)]
    if not armoured.startswith(BEGIN_CERTIFICATE):
        cure = f"Convert it: openssl x509 -inform der -in {name} -out {name}.pem" if text.startswith("0") else ""
        raise CertificateError(f"there is no certificate in {name!r}, or not in PEM.", cure or "Check --certfile.")
    try:
        return Statement(ssl.PEM_cert_to_DER_cert(armoured))
    except ValueError:  # what is not base64, too
        raise CertificateError(f"the certificate {name!r} is damaged.", "Fetch it once more.") from None


def _load(context: ssl.SSLContext, pair: Pair, password_file: str) -> None:
    """Have OpenSSL take a certificate and its key. Raises CertificateError."""
    key = _text("the key", pair.key, "--keyfile")
    if END_KEY not in key:
        raise CertificateError(f"there is no private key in {pair.key!r}.", "Give its file with --keyfile.")
    encrypted = any(mark in key for mark in ENCRYPTED)
    if encrypted and not password_file:
        raise CertificateError(
            f"the key {pair.key!r} is encrypted.",
            "Give the file that has its passphrase with --keyfile-password-file,\n"
            f"or take the passphrase away: openssl pkey -in {pair.key} -out {pair.key}.plain",
        )
    password = _text("the passphrase", password_file, "--keyfile-password-file").rstrip("\r\n") if encrypted else ""
    try:
        context.load_cert_chain(pair.certificate, pair.key, password.encode("latin-1"))  # the octets of the file
    except (ssl.SSLError, ValueError) as error:  # ValueError: it is longer than any passphrase may be
        raise _unusable(pair, error, encrypted) from None


def _unusable(pair: Pair, error: ssl.SSLError | ValueError, encrypted: bool) -> CertificateError:
    reason = (isinstance(error, ssl.SSLError) and error.reason) or ""
    if reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        return CertificateError(
            f"the certificate {pair.certificate!r} does not match the key {pair.key!r}.",
            "Give the key that the certificate was made for. In a chain the server's own certificate comes first.",
        )
    if encrypted and not reason.endswith("TOO_SMALL"):
        return CertificateError(
            f"the passphrase does not open the key {pair.key!r}.", "Check the file given with --keyfile-password-file."
        )
    words = reason.lower().replace("_", " ") or str(error)
    return CertificateError(
        f"OpenSSL does not take the certificate {pair.certificate!r} with the key {pair.key!r}: {words}.",
        "Look at them: openssl x509 -noout -text -in FILE, openssl pkey -noout -text -in FILE.",
    )
