"""Addresses to listening sockets: TCP over IPv4 and IPv6, Unix, inherited."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.errors import ListenError
from ehttpd.server.listener import UNSENT_AT_MOST, Listener, listen
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, LiveServer, Peer, hello


def ipv6_is_there() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not ipv6_is_there(), reason="this machine has no IPv6")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def only(listeners: list[Listener]) -> Listener:
    [listener] = listeners
    return listener


def refusal(address: str) -> ListenError:
    with pytest.raises(ListenError) as caught:
        listen(address, 10)
    assert caught.value.address == address
    return caught.value


def test_a_port_of_zero_is_one_that_is_free(live_server: LiveServers) -> None:
    server = live_server(hello, bind="127.0.0.1:0")
    assert server.port
    assert server.addresses == [f"127.0.0.1:{server.port}"]
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.connect().ask().body == b"hello"


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such bound")
def test_the_kernel_keeps_little_for_a_client_that_takes_nothing(listening: socket.socket) -> None:
    listener = Listener(listening, "here")
    with socket.create_connection(listening.getsockname()), accepted(listener) as connected:
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_AT_MOST


def accepted(listener: Listener) -> socket.socket:
    connected, _ = listener.accept()
    return connected


@needs_ipv6
def test_ipv6_is_listened_on(live_server: LiveServers) -> None:
    server = live_server(hello, bind="[::1]:0")
    assert server.addresses == [f"[::1]:{server.port}"]
    assert server.url == f"http://[::1]:{server.port}"
    assert server.connect().ask().body == b"hello"


@needs_ipv6
def test_ipv6_leaves_ipv4_to_others(live_server: LiveServers) -> None:
    server = live_server(hello, bind="127.0.0.1:0")
    beside = live_server(hello, bind=f"[::]:{server.port}")
    assert beside.connect().ask().body == b"hello"


@pytest.mark.parametrize("address", [":0", "0.0.0.0:0"])
def test_every_interface_has_a_url_that_a_client_here_can_use(address: str) -> None:
    listener = only(listen(address, 10))
    assert listener.url == f"http://127.0.0.1:{listener.local[1]}"
    listener.close()


def test_a_host_name_is_looked_up(live_server: LiveServers) -> None:
    assert live_server(hello, bind="localhost:0").connect().ask().body == b"hello"


def test_several_addresses_are_served_at_once(live_server: LiveServers, tmp_path: Path) -> None:
    server = live_server(hello, bind=("127.0.0.1:0", f"unix:{tmp_path}/s", "127.0.0.1:0"))
    assert [server.connect(each).ask().body for each in range(3)] == [b"hello"] * 3
    assert server.addresses[1] == f"unix:{tmp_path}/s"


def test_if_one_address_fails_none_is_listened_on(listening: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "s"
    port = listening.getsockname()[1]
    with pytest.raises(ListenError):
        LiveServer(hello, bind=(f"unix:{path}", f"127.0.0.1:{port}")).start()
    assert not path.exists()


@pytest.mark.parametrize("address", ["", "8000", "host", "host:", "host:x", "host:65536", "host:-1", "host:٣", "::1"])
def test_what_is_no_address_is_refused_with_a_cure(address: str) -> None:
    assert "not an address" in str(refusal(address)) or "cannot listen" in str(refusal(address))
    assert refusal(address).cure


def test_a_host_that_nobody_knows_is_refused() -> None:
    assert "cannot listen on no-such-host.invalid:80" in str(refusal("no-such-host.invalid:80"))


def test_an_address_in_use_is_refused_with_a_cure(listening: socket.socket) -> None:
    error = refusal(f"127.0.0.1:{listening.getsockname()[1]}")
    assert "address already in use" in str(error)
    assert "Stop the other program" in error.cure


def test_an_address_of_another_machine_is_refused() -> None:
    assert "--bind" in refusal("192.0.2.1:8000").cure


def test_a_unix_socket_is_served_and_its_file_removed(live_server: LiveServers, tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = live_server(hello, bind=f"unix:{path}")
    assert server.url == f"unix:{path}"
    assert server.connect().ask().body == b"hello"
    server.stop()
    assert not path.exists()


def test_the_file_of_a_unix_socket_that_nobody_listens_on_is_replaced(live_server: LiveServers, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    assert live_server(hello, bind=f"unix:{path}").connect().ask().body == b"hello"


def test_a_unix_socket_in_use_is_refused(live_server: LiveServers, tmp_path: Path) -> None:
    server = live_server(hello, bind=f"unix:{tmp_path}/s")
    assert "address already in use" in str(refusal(f"unix:{tmp_path}/s"))
    assert server.connect().ask().body == b"hello"


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    refusal(f"unix:{path}")
    assert path.read_text() == "precious"


def test_the_file_of_another_server_is_not_removed(live_server: LiveServers, tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = live_server(hello, bind=f"unix:{path}")
    path.unlink()
    second = live_server(hello, bind=f"unix:{path}")
    first.stop()
    assert path.exists()
    assert second.connect().ask().body == b"hello"


@pytest.mark.skipif(sys.platform != "linux", reason="the abstract namespace is Linux's")
def test_the_abstract_namespace_needs_no_file(live_server: LiveServers, tmp_path: Path) -> None:
    server = live_server(hello, bind=f"unix:@{tmp_path}")
    assert server.connect().ask().body == b"hello"
    assert server.url == f"unix:@{tmp_path}"


def test_an_inherited_descriptor_is_served(live_server: LiveServers, listening: socket.socket) -> None:
    number = os.dup(listening.fileno())
    server = live_server(hello, bind=f"fd:{number}")
    assert server.addresses == [f"fd:{number}"]
    assert server.url == f"http://127.0.0.1:{listening.getsockname()[1]}"
    assert server.connect().ask().body == b"hello"


def test_an_inherited_unix_socket_keeps_its_file(live_server: LiveServers, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        server = live_server(hello, bind=f"fd:{os.dup(listening.fileno())}")
        assert server.connect().ask().body == b"hello"
        server.stop()
    assert path.exists()


@pytest.mark.parametrize("address", ["fd:", "fd:x", "fd:-1", "fd:987654"])
def test_a_descriptor_that_is_no_socket_is_refused(address: str) -> None:
    assert "no socket is open there" in str(refusal(address))


def test_an_inherited_socket_that_does_not_listen_is_refused_and_left_open() -> None:
    with socket.socket() as idle:
        assert "does not listen" in str(refusal(f"fd:{idle.fileno()}"))
        os.fstat(idle.fileno())


def test_clients_may_connect_before_the_server_serves() -> None:
    server = LiveServer(hello)
    server.listen()
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    with server:
        assert peer.reply().body == b"hello"
        server.hang_up()


def test_connections_are_accepted_again_after_the_descriptors_ran_out(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept, failures = Listener.accept, [24, 23]

    def fail_first(listener: Listener) -> tuple[socket.socket, tuple[str, int]]:
        if failures:
            raise OSError(failures.pop(), "Too many open files")
        return accept(listener)

    monkeypatch.setattr(Listener, "accept", fail_first)
    assert live_server(hello).connect().ask().body == b"hello"
    assert caplog.text.count("Cannot accept a connection: Too many open files") == 2


def test_a_client_that_has_gone_before_it_is_accepted_is_no_matter(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, failures = Listener.accept, [103]

    def fail_first(listener: Listener) -> tuple[socket.socket, tuple[str, int]]:
        if failures:
            raise ConnectionAbortedError(failures.pop(), "Software caused connection abort")
        return accept(listener)

    monkeypatch.setattr(Listener, "accept", fail_first)
    assert live_server(hello).connect().ask().body == b"hello"


def test_no_more_connections_are_taken_than_allowed(live_server: LiveServers) -> None:
    server = live_server(hello, max_connections=2)
    first, second, third = [server.connect() for _ in range(3)]
    assert first.ask().status == second.ask().status == 200
    third.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    third.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        third.socket.recv(1)
    first.close()
    later = Peer(third.socket)
    third.socket.settimeout(PATIENCE)
    assert later.reply().status == 200
    later.close()
