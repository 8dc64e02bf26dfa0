"""What applications learn of TLS and of a client's certificate, beside what mod_ssl would tell them."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest

from ehttpd.messages.tls import TLS, ClientCertificate
from ehttpd.server.tls.environ import environ_of, written
from ehttpd.testing import der
from ehttpd.testing.certificates import Authority
from ehttpd.wsgi import Environ, adapt
from tests.server.tls.conftest import SecureServer, SecureServers


def application(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    of_interest = ("SSL_", "HTTPS", "SERVER_NAME", "SERVER_PORT")
    told = {name: value for name, value in environ.items() if name.startswith(of_interest)}
    return [json.dumps({**told, "scheme": environ["wsgi.url_scheme"]}).encode()]


@pytest.fixture
def clients() -> Authority:
    return Authority("clients' authority")


@pytest.fixture
def asking(secure_server: SecureServers, clients: Authority) -> SecureServer:
    """A server that asks its clients for certificates."""
    return secure_server(adapt(application), ca_certs=clients.pem, cert_reqs="optional")


def context_of(asking: SecureServer, clients: Authority, name: str) -> ssl.SSLContext:
    context = asking.authority.client_context()
    context.load_cert_chain(clients.pem_for([name], purpose=b"\x06\x08+\x06\x01\x05\x05\x07\x03\x02"))
    return context


def test_an_application_learns_how_its_client_connected(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    served = secure_server(adapt(application))
    peer = served.connect(context)
    for _ in range(3):  # afresh, kept, and from what was kept
        told = json.loads(peer.ask().body)
        assert told["scheme"] == "https"
        assert told["HTTPS"] == "on"
        assert told["SSL_PROTOCOL"] == peer.socket.version()  # type: ignore[attr-defined]
        assert told["SSL_CIPHER"] == peer.socket.cipher()[0]  # type: ignore[attr-defined]
        assert told["SSL_TLS_SNI"] == "localhost"
        assert told["SSL_SESSION_RESUMED"] == "Initial"
        assert told["SSL_CLIENT_VERIFY"] == "NONE"
        assert not any(name.startswith("SSL_CLIENT_S") for name in told)


def test_a_plain_client_is_not_said_to_be_encrypted(secure_server: SecureServers) -> None:
    served = secure_server(adapt(application), bind="http://127.0.0.1:0")
    told = json.loads(served.server.connect().ask("/", "HTTPS: on", "SSL-CLIENT-VERIFY: SUCCESS").body)
    assert told == {"scheme": "http", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(served.server.port)}


def test_an_application_learns_who_its_client_is(
    asking: SecureServer, clients: Authority, context: ssl.SSLContext
) -> None:  # fmt: skip
    with_certificate = context_of(asking, clients, "anna@example.com")
    with_certificate.maximum_version = context.maximum_version
    peer = asking.connect(with_certificate)
    told = json.loads(peer.ask().body)
    assert told["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert told["SSL_CLIENT_S_DN"] == "CN=anna@example.com"
    assert told["SSL_CLIENT_S_DN_CN"] == "anna@example.com"
    assert told["SSL_CLIENT_I_DN"] == "CN=clients' authority"
    assert told["SSL_CLIENT_I_DN_CN"] == "clients' authority"
    assert told["SSL_CLIENT_SAN_Email_0"] == "anna@example.com"
    assert int(told["SSL_CLIENT_M_SERIAL"], 16) > 0
    assert ssl.cert_time_to_seconds(told["SSL_CLIENT_V_START"]) < ssl.cert_time_to_seconds(told["SSL_CLIENT_V_END"])
    assert told["SSL_CLIENT_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")


def test_who_has_no_certificate_is_served_all_the_same(asking: SecureServer) -> None:
    assert json.loads(asking.connect().ask().body)["SSL_CLIENT_VERIFY"] == "NONE"


def test_a_certificate_of_a_stranger_is_refused(asking: SecureServer) -> None:
    context = context_of(asking, Authority("strangers"), "anna@example.com")
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose clients learn of it in the handshake
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        asking.connect(context)


def test_a_certificate_can_be_required(secure_server: SecureServers, clients: Authority) -> None:
    served = secure_server(adapt(application), ca_certs=clients.pem, cert_reqs=2)
    assert served.connect(context_of(served, clients, "anna@example.com")).ask().status == 200
    without = served.authority.client_context()
    without.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        served.connect(without)


def test_a_certificate_that_cannot_be_read_is_refused(
    asking: SecureServer, clients: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_latin_1(name: str) -> bytes:  # not ASCII, as RFC 5280 §4.2.1.6 wants it
        return der.context(1, name.encode("latin-1"), constructed=False)

    monkeypatch.setattr("ehttpd.testing.certificates.general_name", in_latin_1)
    context = context_of(asking, clients, "änne@example.com")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        asking.connect(context)
    assert json.loads(asking.connect().ask().body)["SSL_CLIENT_VERIFY"] == "NONE"


def test_a_native_handler_learns_who_its_client_is(secure_server: SecureServers, clients: Authority) -> None:
    seen: list[ClientCertificate] = []

    def handler(request: Any) -> bytes:
        seen.append(request.tls.certificate)
        return b""

    served = secure_server(handler, ca_certs=clients.pem, cert_reqs=ssl.CERT_REQUIRED)
    served.connect(context_of(served, clients, "anna@example.com")).ask()
    (certificate,) = seen
    assert certificate.common_name == "anna@example.com"
    assert certificate.subject == (("commonName", "anna@example.com"),)
    assert certificate.issuer == (("commonName", "clients' authority"),)
    assert certificate.alternative_names == (("email", "anna@example.com"),)
    assert ssl.PEM_cert_to_DER_cert(certificate.pem) == certificate.octets


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ((("countryName", "DE"), ("organizationName", "A, B"), ("commonName", "Ännä")), "CN=Ännä,O=A\\, B,C=DE"),
        ((("commonName", " #1 "),), "CN=\\ #1\\ "),
        ((("commonName", '#"<>;+\\'),), 'CN=\\#\\"\\<\\>\\;\\+\\\\'),
        ((("domainComponent", "com"), ("domainComponent", "a"), ("unheardOf", "x")), "unheardOf=x,DC=a,DC=com"),
    ],
)
def test_a_name_is_written_as_rfc_4514_has_it(name: Any, text: str) -> None:
    assert written(name) == text


def test_text_is_what_pep_3333_calls_native() -> None:
    certificate = ClientCertificate(b"", {"subject": ((("commonName", "Ännä"),),), "issuer": ()})
    told = environ_of(TLS("TLSv1.3", "X", 128, certificate=certificate))
    assert told["SSL_CLIENT_S_DN_CN"] == "Ännä".encode().decode("latin-1")

