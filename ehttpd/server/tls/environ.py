"""What an application may want to know of TLS, as Apache's mod_ssl names it: ``SSL_PROTOCOL``, ``SSL_CLIENT_S_DN`` …

mod_ssl's, which other servers and the applications behind them follow.
"""

from __future__ import annotations

from collections.abc import Iterator

from ehttpd.messages.tls import TLS, ClientCertificate, Name

# Attributes of names as OpenSSL calls them -> as RFC 4514 and mod_ssl do.
SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "emailAddress": "emailAddress",
    "givenName": "G",
    "initials": "I",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "surname": "S",
    "title": "T",
    "userId": "UID",
}
VARIABLE = {**SHORT, "emailAddress": "Email"}
ALTERNATIVES = {"DNS": "SSL_CLIENT_SAN_DNS", "email": "SSL_CLIENT_SAN_Email"}
# RFC 4514 §2.4
ESCAPED = str.maketrans({character: "\\" + character for character in '\\"+,;<>'} | {"\0": "\\00"})


def environ_of(tls: TLS) -> dict[str, str]:
    """Return the variables, as PEP 3333 has text: octets of UTF-8 as characters of ISO-8859-1."""
    return {name: value.encode().decode("latin-1") for name, value in _variables(tls)}


def _variables(tls: TLS) -> Iterator[tuple[str, str]]:
    yield "SSL_PROTOCOL", tls.protocol
    yield "SSL_CIPHER", tls.cipher
    yield "SSL_CIPHER_USEKEYSIZE", str(tls.bits)
    yield "SSL_SESSION_RESUMED", "Resumed" if tls.resumed else "Initial"
    if tls.server_name is not None:
        yield "SSL_TLS_SNI", tls.server_name
    yield "SSL_CLIENT_VERIFY", "SUCCESS" if tls.certificate is not None else "NONE"
    if tls.certificate is not None:
        yield from _of_client(tls.certificate)


def _of_client(certificate: ClientCertificate) -> Iterator[tuple[str, str]]:
    yield "SSL_CLIENT_CERT", certificate.pem
    yield "SSL_CLIENT_M_SERIAL", certificate.serial_number
    yield "SSL_CLIENT_V_START", certificate.not_before
    yield "SSL_CLIENT_V_END", certificate.not_after
    for prefix, name in (("SSL_CLIENT_S_DN", certificate.subject), ("SSL_CLIENT_I_DN", certificate.issuer)):
        yield prefix, written(name)
        # The last of several with the same name is in force; mod_ssl has the first.
        yield from ((f"{prefix}_{VARIABLE[kind]}", value) for kind, value in reversed(name) if kind in VARIABLE)
    for kind, variable in ALTERNATIVES.items():
        values = [value for named, value in certificate.alternative_names if named == kind]
        yield from ((f"{variable}_{number}", value) for number, value in enumerate(values))


def written(name: Name) -> str:
    """Return a distinguished name as text, the most particular first (RFC 4514 §2.1)."""
    return ",".join(f"{SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in reversed(name))


def _escaped(value: str) -> str:
    text = value.translate(ESCAPED)
    if text.startswith((" ", "#")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(value) > 1 else text
