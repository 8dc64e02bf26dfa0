"""Who may see figures and give commands: nobody by way of a page of another origin."""

from __future__ import annotations

import pytest

from ehttpd.admin.guard import is_local, refusal_of_command, refusal_of_reading
from ehttpd.fields import Fields
from ehttpd.messages import Client, Request, Response
from tests.admin.conftest import Watch


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "", "/run/a.sock", "@admin"])
def test_addresses_of_this_machine(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:db8::1", "localhost.evil.test"])
def test_addresses_of_others(host: str) -> None:
    assert not is_local(host)


def request(remote: str = "127.0.0.1", local: str = "127.0.0.1", **fields: str) -> Request:
    lines = Fields([(name.replace("_", "-"), value) for name, value in fields.items()])
    return Request("POST", "/stop", headers=lines, client=Client((remote, 1), (local, 9100)))


@pytest.mark.parametrize("host", ["localhost:9100", "127.0.0.1:9100", "[::1]:9100", "10.0.0.7", "LOCALHOST"])
def test_who_asks_for_an_address_commands(host: str) -> None:
    assert refusal_of_command(request(Host=host), from_anywhere=False) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"Host": "rebound.example:9100"},
        {"Host": "rebound.example:9100", "Origin": "http://rebound.example:9100"},
        {"Host": "localhost:9100", "Origin": "http://evil.example"},
        {"Host": "localhost:9100", "Origin": "null"},
        {"Host": "localhost:9100", "Origin": "https://localhost:9100"},
        {"Host": "localhost:9100", "Origin": "http://localhost:8000"},
        {"Host": "localhost:9100", "Sec_Fetch_Site": "cross-site"},
        {"Host": "localhost:9100", "Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("from_anywhere", [False, True])
def test_a_page_of_another_origin_does_not_command(fields: dict[str, str], from_anywhere: bool) -> None:
    refusal = refusal_of_command(request(**fields), from_anywhere=from_anywhere)
    assert isinstance(refusal, Response)
    assert refusal.status == 403


def test_a_page_of_ours_may_command() -> None:
    own = request(Host="localhost:9100", Origin="http://localhost:9100", Sec_Fetch_Site="same-origin")
    assert refusal_of_command(own, from_anywhere=False) is None


@pytest.mark.parametrize("fields", [{}, {"X_Forwarded_For": "10.0.0.9"}, {"Forwarded": "for=10.0.0.9"}])
def test_other_machines_command_only_where_that_is_allowed(fields: dict[str, str]) -> None:
    remote = "127.0.0.1" if fields else "10.0.0.9"
    asked = request(remote, "10.0.0.7", Host="10.0.0.7:9100", **fields)
    refusal = refusal_of_command(asked, from_anywhere=False)
    assert isinstance(refusal, Response)
    assert isinstance(refusal.body, bytes)
    assert b"--admin-remote-control" in refusal.body
    assert refusal_of_command(asked, from_anywhere=True) is None


def test_a_name_that_was_made_to_resolve_to_this_machine_is_shown_nothing() -> None:
    assert isinstance(refusal_of_reading(request(Host="rebound.example")), Response)
    assert refusal_of_reading(request(Host="127.0.0.1:9100")) is None


def test_where_other_machines_may_look_they_may_use_its_name() -> None:
    assert refusal_of_reading(request("10.0.0.9", "10.0.0.7", Host="web1.internal:9100")) is None


def test_the_guard_stands_before_the_address(watched: Watch) -> None:
    it = watched(lambda request: Response.text("hello"))
    assert it.ask("/stats.json", Host="rebound.example").status == 403
    assert it.ask("/drain", "POST", Origin="http://evil.example").status == 403
    assert it.server.snapshot()["state"] == "ready"
    assert it.ask("/drain", "POST").status == 200
