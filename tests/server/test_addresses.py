"""Addresses to listening sockets: TCP over IPv4 and IPv6, Unix, inherited."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import SocketType
from typing import Any

import pytest

from ehttpd.errors import ListenError
from ehttpd.messages import Request, Response
from ehttpd.server.addresses import Manner, listen, listen_at
from ehttpd.server.listener import UNSENT_AT_MOST, Listener
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, LiveServer, Peer, come_true, hello


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
        listen(address, Manner(10))
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
    with socket.create_connection(listening.getsockname()), closing(accepted(listener)) as connected:
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_AT_MOST


def accepted(listener: Listener) -> SocketType:
    connected, _ = listener.accept()
    return connected


@needs_ipv6
def test_ipv6_is_listened_on(live_server: LiveServers) -> None:
    server = live_server(hello, bind="[::1]:0")
    assert server.addresses == [f"[::1]:{server.port}"]
    assert server.url == f"http://[::1]:{server.port}"
    assert server.connect().ask().body == b"hello"


def ask_at(host: str, port: int) -> bytes:
    with socket.create_connection((host, port), PATIENCE) as connected:
        peer = Peer(connected)
        try:
            return peer.ask().body
        finally:
            peer.close()


def who_asks(request: Request) -> Response:
    return Response(f"{request.client.remote[0]}")


@needs_ipv6
@pytest.mark.parametrize("address", [":0", "[::]:0"])
def test_every_interface_is_one_of_both_families(live_server: LiveServers, address: str) -> None:
    server = live_server(who_asks, bind=address)
    assert [ask_at("127.0.0.1", server.port), ask_at("::1", server.port)] == [b"127.0.0.1", b"::1"]
    assert server.addresses == [f"[::]:{server.port}"]


@needs_ipv6
def test_every_ipv6_interface_leaves_ipv4_to_an_address_beside_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for addresses in ([f"127.0.0.1:{port}", f"[::]:{port}"], [f"[::]:{port}", f"0.0.0.0:{port}"]):
        one_by_one = [listener for each in addresses for listener in listen_at([each], 10, beside=addresses)]
        for listener in one_by_one:
            listener.close()
        listeners = listen_at(addresses, 10)
        assert len(listeners) == len(one_by_one) == 2
        for listener in listeners:
            listener.close()


def test_a_machine_without_ipv6_has_its_ipv4_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = socket.socket.bind

    def bind_ipv4(self: socket.socket, place: Any) -> None:
        if self.family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        bind(self, place)

    monkeypatch.setattr(socket.socket, "bind", bind_ipv4)
    listener = only(listen(":0", Manner(10)))
    assert listener.local[0] == "0.0.0.0"
    listener.close()
    listener = only(listen("localhost:0", Manner(10)))  # which may stand for ::1 as well
    assert listener.local[0] == "127.0.0.1"
    listener.close()


@needs_ipv6
def test_a_name_is_listened_on_at_all_its_addresses_with_one_port(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr("ehttpd.server.addresses.socket.getaddrinfo", lambda *_, **__: places)
    server = live_server(hello, bind="localhost:0")
    assert sorted(server.addresses) == [f"127.0.0.1:{server.port}", f"[::1]:{server.port}"]
    assert [server.connect(number).ask().body for number in range(2)] == [b"hello"] * 2


def test_a_port_that_is_free_for_one_address_only_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.2", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
    bind, holders = socket.socket.bind, [socket.socket()]

    def bind_late(self: socket.socket, place: Any) -> None:
        if place[0] == "127.0.0.2" and not holders[0].getsockname()[1]:
            bind(holders[0], place)
            holders[0].listen()
        bind(self, place)

    monkeypatch.setattr(socket.socket, "bind", bind_late)
    first, second = listen("two:0", Manner(10))
    assert first.local[1] == second.local[1] != holders[0].getsockname()[1]
    for each in (first, second, holders[0]):
        each.close()


def link_local() -> tuple[str, str] | None:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return None
    for address, _, _, scope, flags, name in map(str.split, lines):
        if scope == "20" and not int(flags, 16) & 0x48:  # neither tentative nor a duplicate
            return ":".join(address[place : place + 4] for place in range(0, 32, 4)), name
    return None


@pytest.mark.skipif(link_local() is None, reason="this machine has no link-local address")
def test_an_address_of_one_link_names_the_interface(live_server: LiveServers) -> None:
    address, name = link_local() or ("", "")
    server = live_server(hello, bind=f"[{address}%{name}]:0")
    assert server.connect().ask().body == b"hello"
    assert f"%25{name}]:{server.port}" in server.url


@pytest.mark.parametrize("mode", [0o660, 0o600, 0o666])
def test_the_file_of_a_unix_socket_has_the_mode_of_the_setting(
    live_server: LiveServers, tmp_path: Path, mode: int
) -> None:
    server = live_server(hello, bind=f"unix:{tmp_path}/s", uds_mode=mode)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
    assert server.connect().ask().body == b"hello"


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Two sockets, passed as systemd does: site and api."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first, second = (fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 300) for each in sockets)
    assert second == first + 1
    monkeypatch.setattr("ehttpd.server.inherited.FIRST_DESCRIPTOR", first)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "site:api")
    yield sockets
    for each in sockets:
        each.close()
    for number in (first, first + 1):
        try:
            os.close(number)
        except OSError:
            pass


def test_sockets_that_systemd_passes_are_served(passed: list[socket.socket], live_server: LiveServers) -> None:
    server = live_server(hello, bind="systemd")
    assert [listener.local for listener in server._listeners] == [each.getsockname() for each in passed]
    assert [server.connect(number).ask().body for number in range(2)] == [b"hello"] * 2


def test_a_socket_that_systemd_passes_is_found_by_its_name(
    passed: list[socket.socket], live_server: LiveServers
) -> None:
    server = live_server(hello, bind="fd:api")
    assert server.addresses == [f"127.0.0.1:{server.port}"]
    assert server.port == passed[1].getsockname()[1]
    assert server.connect().ask().body == b"hello"


def test_a_name_that_was_not_passed_is_refused_with_those_that_were(passed: list[socket.socket]) -> None:
    assert "Passed were: api, site." in refusal("fd:shop").cure


@pytest.mark.parametrize(("name", "value"), [("LISTEN_PID", "1"), ("LISTEN_FDS", "x")])
def test_sockets_that_were_passed_to_somebody_else_are_not_ours(
    passed: list[socket.socket], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "Passed were: none." in refusal("systemd").cure


@pytest.mark.parametrize("address", [":0", "0.0.0.0:0"])
def test_every_interface_has_a_url_that_a_client_here_can_use(address: str) -> None:
    listener = only(listen(address, Manner(10)))
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


def test_a_file_that_is_no_socket_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    refused = refusal(f"unix:{path}")
    assert str(refused) == f"cannot listen on unix:{path}: what is there is no socket."
    assert refused.cure == "Remove it, or choose another address with --bind."
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
    assert server.addresses == [f"127.0.0.1:{listening.getsockname()[1]}"]
    assert server.url == f"http://127.0.0.1:{listening.getsockname()[1]}"
    assert server.connect().ask().body == b"hello"


def test_an_inherited_unix_socket_keeps_its_file(live_server: LiveServers, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        server = live_server(hello, bind=f"fd:{os.dup(listening.fileno())}")
        assert server.addresses == [f"unix:{path}"]
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

    def fail_first(listener: Listener) -> tuple[SocketType, tuple[str, int]]:
        if failures:
            raise OSError(failures.pop(), "Too many open files")
        return accept(listener)

    monkeypatch.setattr(Listener, "accept", fail_first)
    assert live_server(hello).connect().ask().body == b"hello"
    assert caplog.text.count("Cannot accept a connection: Too many open files") == 2


def test_a_listener_that_another_process_shuts_down_is_given_up_and_others_are_not(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, listening: socket.socket
) -> None:
    server = live_server(hello, bind=[f"fd:{os.dup(listening.fileno())}", "127.0.0.1:0"])
    listening.shutdown(socket.SHUT_RDWR)
    assert server.connect(1).ask().body == b"hello"
    come_true(lambda: "another process has shut it down" in caplog.text)
    assert server.connect(1).ask().body == b"hello"


def test_a_client_that_has_gone_before_it_is_accepted_is_no_matter(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, failures = Listener.accept, [103]

    def fail_first(listener: Listener) -> tuple[SocketType, tuple[str, int]]:
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


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no such option")
def test_several_servers_share_a_port_if_they_are_told_to(live_server: LiveServers) -> None:
    server = live_server(hello, reuse_port=True)
    beside = live_server(hello, bind=f"127.0.0.1:{server.port}", reuse_port=True)
    assert {server.connect().ask().body, beside.connect().ask().body} == {b"hello"}
    assert "address already in use" in str(refusal(f"127.0.0.1:{server.port}"))
