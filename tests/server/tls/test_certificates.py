"""Which certificate a client is shown, what becomes of files that change, and what an operator is told."""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from ehttpd.errors import CertificateError, ListenError, SettingsError
from ehttpd.messages import Response
from ehttpd.server.server import Server
from ehttpd.server.tls import certificates
from ehttpd.server.tls.certificates import Certificates
from ehttpd.server.tls.x509 import Statement
from ehttpd.settings import Settings
from ehttpd.testing.certificates import Authority, armoured, written_key
from tests.server.live import PATIENCE, come_true, hello
from tests.server.tls.conftest import SecureServer, SecureServers


def write(folder: Path, authority: Authority, name: str, *hosts: str, split: bool = True) -> tuple[str, str]:
    """Write a certificate and its key into a folder, and return their paths."""
    certificate, key = authority.issue(hosts)
    texts = armoured("CERTIFICATE", certificate), armoured("EC PRIVATE KEY", written_key(key))
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    if split:
        for path, text in zip(paths, texts, strict=True):
            replace(path, text)
        return str(paths[0]), str(paths[1])
    replace(folder / f"{name}.pem", "".join(texts))
    return str(folder / f"{name}.pem"), ""


def replace(path: Path, text: str) -> None:
    """Write a file as careful programs do."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "ascii")
    os.replace(beside, path)


def shown(served: SecureServer, name: str | None) -> tuple[str, ...]:
    """Return the names of the certificate that a client is shown who asks for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", served.server.port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        return Statement(wrapped.getpeercert(binary_form=True) or b"").names


def settings(**given: object) -> Settings:
    return Settings(**given)


# Names


def test_a_client_is_shown_the_certificate_of_the_host_it_asks_for(
    secure_server: SecureServers, authority: Authority, tmp_path: Path
) -> None:
    for name, hosts in {
        "a": ("first.example", "127.0.0.1"),
        "b": ("second.example", "www.second.example"),
        "c": ("*.third.example", "third.example"),
        "d": ("exact.third.example",),
    }.items():
        write(tmp_path, authority, name, *hosts)
    served = secure_server(hello, certfile=str(tmp_path))
    for asked, expected in {
        "second.example": "second.example",
        "WWW.Second.Example": "second.example",
        "any.third.example": "*.third.example",
        "third.example": "*.third.example",
        "exact.third.example": "exact.third.example",
        "one.more.third.example": "first.example",
        "unknown.example": "first.example",
        None: "first.example",
    }.items():
        assert shown(served, asked)[0] == expected, asked


def test_several_files_are_given_one_by_one(
    secure_server: SecureServers, authority: Authority, tmp_path: Path
) -> None:
    files = [write(tmp_path, authority, name, f"{name}.example") for name in ("a", "b")]
    served = secure_server(hello, certfile=[each[0] for each in files], keyfile=[each[1] for each in files])
    assert [shown(served, f"{name}.example") for name in ("a", "b")] == [("a.example",), ("b.example",)]


def test_a_session_is_resumed_whichever_certificate_it_began_with(
    secure_server: SecureServers, authority: Authority, tmp_path: Path, context: ssl.SSLContext
) -> None:
    for name in ("a", "b"):
        write(tmp_path, authority, name, f"{name}.example")
    served = secure_server(lambda request: Response.text(str(request.tls.resumed)), certfile=str(tmp_path))
    first = served.connect(context, "b.example")
    assert first.ask().body == b"False"
    assert served.connect(context, "b.example", session=first.socket.session).ask().body == b"True"  # type: ignore[attr-defined]


def test_a_folder_is_searched_as_those_who_fetch_certificates_leave_it(authority: Authority, tmp_path: Path) -> None:
    write(tmp_path, authority, "beside", "beside.example")
    write(tmp_path, authority, "inside", "inside.example", split=False)
    (tmp_path / "README").write_text("no certificate")
    for folder, certificate, key in (
        ("acme.example", "fullchain.pem", "privkey.pem"),
        ("cluster.example", "tls.crt", "tls.key"),
    ):
        (tmp_path / folder).mkdir()
        written = write(tmp_path / folder, authority, "x", folder)
        os.rename(written[0], tmp_path / folder / certificate)
        os.rename(written[1], tmp_path / folder / key)
        (tmp_path / folder / "cert.pem").write_text("beside the chain, without it")
    found = Certificates(settings(certfile=str(tmp_path)))
    assert sorted(found.names) == ["acme.example", "beside.example", "cluster.example", "inside.example"]


# Replacement


def test_a_certificate_is_replaced_while_clients_ask(
    secure_server: SecureServers, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_AFTER", 0.02)
    certificate, key = write(tmp_path, authority, "site", "localhost", "old.example")
    served = secure_server(hello, certfile=certificate, keyfile=key)
    stays = served.connect()
    assert stays.ask().body == b"hello"
    stop, failures, answers = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(served.connect().ask().body)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            name = f"new{number}.example"
            write(tmp_path, authority, "site", "localhost", name)
            come_true(lambda name=name: name in shown(served, "localhost"))  # type: ignore[misc]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert set(answers) == {b"hello"}
    assert stays.ask().body == b"hello"


def test_what_cannot_be_used_is_said_and_the_certificate_from_before_stays(
    secure_server: SecureServers,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(certificates, "LOOK_AFTER", 0.02)
    certificate, key = write(tmp_path, authority, "site", "old.example")
    served = secure_server(hello, certfile=certificate, keyfile=key)
    caplog.set_level(logging.ERROR, "ehttpd")

    def complains() -> bool:
        assert shown(served, None) == ("old.example",)
        return bool(caplog.records)

    replace(Path(certificate), "nonsense")
    come_true(complains)
    (record,) = caplog.records
    assert certificate in record.getMessage()
    assert "The certificate from before stays." in record.getMessage()
    with pytest.raises(CertificateError, match="no certificate"):
        served.server.reload_certificates()
    write(tmp_path, authority, "site", "new.example")
    served.server.reload_certificates()
    assert shown(served, None) == ("new.example",)


def test_one_that_cannot_be_used_does_not_keep_others_from_being_replaced(
    secure_server: SecureServers, authority: Authority, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write(tmp_path, authority, name, f"{name}.example")
    served = secure_server(hello, certfile=str(tmp_path))
    replace(tmp_path / "a.crt", "nonsense")
    write(tmp_path, authority, "b", "b.example", "more.example")
    write(tmp_path, authority, "c", "c.example")
    with pytest.raises(CertificateError):
        served.server.reload_certificates()
    assert shown(served, "a.example") == ("a.example",)
    assert shown(served, "more.example") == ("b.example", "more.example")
    assert shown(served, "c.example") == ("c.example",)


def test_one_that_is_away_for_a_moment_while_it_is_replaced_stays(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_AFTER", 0.0)
    for name in ("a", "b"):
        write(tmp_path, authority, name, f"{name}.example")
    found = Certificates(settings(certfile=str(tmp_path)))
    key = tmp_path / "b.key"
    text = key.read_text()

    def names_after_a_look() -> list[str]:
        found.engine(ssl.MemoryBIO(), ssl.MemoryBIO())
        return found.names

    key.unlink()
    assert names_after_a_look() == ["a.example", "b.example"]
    key.write_text(text)
    assert names_after_a_look() == ["a.example", "b.example"]
    key.unlink()
    assert names_after_a_look() == ["a.example", "b.example"]
    assert names_after_a_look() == ["a.example"]


# What an operator is told


def told(**given: object) -> str:
    with pytest.raises((CertificateError, SettingsError)) as caught:
        Certificates(settings(**given))
    return f"{caught.value} {caught.value.cure}"


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> tuple[str, str]:
    return write(tmp_path, authority, "site", "localhost")


def test_a_file_that_is_missing_is_named(pair: tuple[str, str]) -> None:
    assert "cannot read the certificate '/nowhere/a.pem': no such file" in told(certfile="/nowhere/a.pem")
    assert "cannot read the key '/nowhere/key': no such file" in told(certfile=pair[0], keyfile="/nowhere/key")


def test_a_key_of_another_certificate_is_told(pair: tuple[str, str], authority: Authority, tmp_path: Path) -> None:
    other = write(tmp_path, authority, "other", "localhost")
    assert told(certfile=pair[0], keyfile=other[1]).startswith(
        f"the certificate {pair[0]!r} does not match the key {other[1]!r}."
    )


def test_a_file_with_neither_is_told(pair: tuple[str, str], tmp_path: Path) -> None:
    assert "no private key" in told(certfile=pair[0])
    assert "no certificate" in told(certfile=pair[1], keyfile=pair[1])
    (tmp_path / "site.der").write_bytes(b"0\x82")
    assert "openssl x509 -inform der" in told(certfile=str(tmp_path / "site.der"))
    (tmp_path / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert "damaged" in told(certfile=str(tmp_path / "damaged.pem"))
    (tmp_path / "empty").mkdir()
    assert "no certificate with its key in the folder" in told(certfile=str(tmp_path / "empty"))


def test_keys_are_as_many_as_certificates(pair: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^there are 2 certificates and 1 keys\."):
        Certificates(settings(certfile=[pair[0], pair[0]], keyfile=pair[1]))


def test_an_encrypted_key_needs_its_passphrase(pair: tuple[str, str], tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl")
    encrypted, password = str(tmp_path / "encrypted.key"), tmp_path / "password"
    secret = "geheim, wie süß"
    command = [program, "ec", "-aes256", "-in", pair[1], "-out", encrypted, "-passout", "stdin"]
    subprocess.run(command, input=secret.encode(), check=True, capture_output=True)
    assert "--keyfile-password-file" in told(certfile=pair[0], keyfile=encrypted)
    for wrong in (b"wrong\n", b"of another file" * 1000):
        password.write_bytes(wrong)
        assert "does not open the key" in told(certfile=pair[0], keyfile=encrypted, keyfile_password_file=str(password))
    password.write_bytes(secret.encode() + b"\n")
    assert Certificates(settings(certfile=pair[0], keyfile=encrypted, keyfile_password_file=str(password))).names


def test_a_certificate_that_has_expired_is_served_with_a_warning(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    Certificates(settings(certfile=authority.pem_for(lasts=-datetime.timedelta(hours=1))))
    assert "has expired" in caplog.text


def test_ciphers_that_openssl_does_not_know_are_told(pair: tuple[str, str]) -> None:
    assert "ROT13" in told(certfile=pair[0], keyfile=pair[1], ciphers="ROT13")


def test_certificates_of_clients_need_authorities(pair: tuple[str, str]) -> None:
    assert "--ca-certs" in told(certfile=pair[0], keyfile=pair[1], cert_reqs="required")
    assert "no certificate" in told(certfile=pair[0], keyfile=pair[1], ca_certs=pair[1])


def test_https_needs_a_certificate() -> None:
    for bind, reason in {"https://127.0.0.1:0": "without a certificate", "ftp://127.0.0.1:0": "cannot listen"}.items():
        with pytest.raises(ListenError, match=reason):
            Server(hello, bind=bind).start()


# What is spoken


def test_a_version_below_the_least_is_refused(secure_server: SecureServers, authority: Authority) -> None:
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    served = secure_server(hello, tls_min="1.3")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        served.connect(context)
    assert served.connect().ask().body == b"hello"


def test_ciphers_are_those_that_were_asked_for(secure_server: SecureServers, authority: Authority) -> None:
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    served = secure_server(hello, ciphers="ECDHE-ECDSA-CHACHA20-POLY1305")
    assert served.connect(context).socket.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"  # type: ignore[attr-defined]


def test_a_context_of_somebody_else_is_used_as_it_is(secure_server: SecureServers, authority: Authority) -> None:
    context = authority.server_context(["localhost", "theirs.example"])
    served = secure_server(lambda request: Response.text(str(request.tls.server_name)), tls=context)
    assert "theirs.example" in shown(served, None)
    assert served.connect(name="localhost").ask().body == b"localhost"
    served.server.reload_certificates()
