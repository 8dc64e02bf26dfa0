"""Certificates that others accept, and signatures that are those of the standard."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator

import httpx
import pytest
import requests

from ehttpd.messages import Request, Response
from ehttpd.testing import TestServer, der, faults
from ehttpd.testing.certificates import Authority
from ehttpd.testing.p256 import Key, Nonces, verifies


def scheme(request: Request) -> Response:
    return Response.text(request.client.scheme)


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer(scheme, tls=True) as served:
        yield served


# RFC 6979 §A.2.5: P-256, SHA-256.
SECRET = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC_X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
SIGNATURES = {
    b"sample": (
        0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60,
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    b"test": (
        0xD16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0,
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}


@pytest.mark.parametrize("message", SIGNATURES)
def test_a_signature_is_that_of_the_standard(message: bytes) -> None:
    nonce, r, s = SIGNATURES[message]
    key = Key(SECRET)
    assert key.public[0] == PUBLIC_X
    assert Nonces(SECRET, hashlib.sha256(message).digest()).draw() == nonce
    assert key.sign(message) == (r, s)
    assert verifies(key.public, message, (r, s))
    assert not verifies(key.public, message + b"!", (r, s))
    assert not verifies(key.public, message, (0, s))


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (der.integer(0), b"\x02\x01\x00"),
        (der.integer(127), b"\x02\x01\x7f"),
        (der.integer(128), b"\x02\x02\x00\x80"),
        (der.object_identifier("1.2.840.10045.4.3.2"), b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"),
        (der.boolean(True), b"\x01\x01\xff"),
        (der.octet_string(b"x" * 200)[:3], b"\x04\x81\xc8"),
        (der.octet_string(b"x" * 300)[:4], b"\x04\x82\x01\x2c"),
    ],
)
def test_a_value_is_written_in_its_one_way(value: bytes, octets: bytes) -> None:
    assert value == octets


@pytest.mark.shared_server
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_strictest_check_of_python_accepts_the_certificate(server: TestServer, host: str) -> None:
    context = ssl.create_default_context(cafile=server.ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    answer = httpx.get(f"https://{host}:{server.port}/", verify=context, trust_env=False)
    assert answer.text == "https"


@pytest.mark.shared_server
def test_requests_httpx_and_our_own_client_accept_it(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    assert requests.get(server.url, verify=server.ca_pem, timeout=10).text == "https"
    assert httpx.get(server.url, verify=server.ssl_context, trust_env=False).text == "https"
    assert server.client().get("/").text == "https"


@pytest.mark.shared_server
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_accepts_it(server: TestServer) -> None:
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", server.ca_pem, server.url]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "https"


@pytest.mark.shared_server
def test_who_trusts_another_authority_refuses_it(server: TestServer) -> None:
    stranger = Authority("a stranger").client_context()
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url, verify=stranger, trust_env=False)


def test_a_certificate_is_for_its_hosts_only() -> None:
    authority = Authority()
    certificate, _ = authority.issue(["example.org"])
    assert b"example.org" in certificate
    context = authority.client_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="elsewhere.org")
    served_in, served_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = authority.server_context(["example.org"]).wrap_bio(served_in, served_out, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    served_in.write(outgoing.read())
    with pytest.raises(ssl.SSLWantReadError):
        server_side.do_handshake()
    incoming.write(served_out.read())
    with pytest.raises(ssl.SSLCertVerificationError, match=r"elsewhere\.org"):
        client.do_handshake()


def test_large_bodies_go_both_ways() -> None:
    with TestServer(lambda request: Response(request.body.read()), tls=True) as server:
        client = server.client()
        for size in (100_000, 3_000_000):
            assert client.post("/", body=b"x" * size).body == b"x" * size


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.reset(at="tls"), ConnectionResetError),
        (faults.close(at="tls"), (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)),
        (faults.stall(at="tls"), TimeoutError),
        (faults.garbage(at="tls"), ssl.SSLError),
        (faults.truncate(2), Exception),
    ],
    ids=str,
)
def test_faults_strike_within_tls_too(fault: faults.Fault, error: type[Exception]) -> None:
    with TestServer(scheme, tls=True) as server:
        server.fail(fault)
        with pytest.raises(error):
            server.client(timeout=0.2).get("/")
