"""Fields of proxies: who is believed, how far, and what is refused. RFC 7239, and X-Forwarded-*."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ehttpd.errors import BadRequest, SettingsError
from ehttpd.messages import Client
from ehttpd.proxies.client import ClientBehindProxy
from ehttpd.proxies.forwarded import read_elements, written
from ehttpd.proxies.nodes import HIDDEN, read_node
from ehttpd.proxies.origin import Origin, read_origin
from ehttpd.proxies.trust import Trusted
from ehttpd.settings import Settings

NEAR = Trusted(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


def origin(*, hops: int = 0, trusted: Trusted = NEAR, **said: str) -> Origin:
    names = {name: name if name == "forwarded" else f"x-forwarded-{name.rstrip('_')}" for name in said}
    return read_origin({names[name]: text for name, text in said.items()}, "here", trusted, hops)


def told_by(said: dict[str, str]) -> Origin:
    return origin(hops=0, trusted=NEAR, **said)


# Who is believed


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("0.0.0.0/0", "203.0.113.1", "::1"),
        ("192.0.2.7", "::ffff:192.0.2.7", "::192.0.2.7"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("::1", "0:0:0:0:0:0:0:1", "127.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.255.255.255", "11.0.0.0"),
        ("::ffff:192.0.2.7/128", "::ffff:192.0.2.7", "192.0.2.6"),
        ("::ffff:0:0/96", "203.0.113.1", "::1"),
        ("fe80::/10", "fe80::1%eth0", "unknown"),
    ],
)
def test_a_network_is_told_from_what_lies_beside_it(entry: str, inside: str, outside: str) -> None:
    trusted = Trusted(Settings(forwarded_allow_ips=entry).forwarded_allow_ips)
    assert trusted.connects(inside)
    assert trusted.includes(inside)
    assert not trusted.connects(outside)


def test_a_unix_socket_is_believed_if_that_is_said() -> None:
    assert Trusted(["unix"]).connects("")
    assert Trusted(["*"]).connects("")
    assert not Trusted(["10.0.0.0/8"]).connects("")


def test_an_asterisk_believes_whoever_connects_and_nobody_whom_others_name() -> None:
    trusted = Trusted(["*"])
    assert trusted.connects("203.0.113.1")
    assert not trusted.includes("203.0.113.1")


@pytest.mark.parametrize("value", ["10.0.0.1/8", "10.0.0", "host", "::g", "10.0.0.0/33", "-"])
def test_a_setting_that_is_no_network_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="forwarded_allow_ips must be addresses and networks"):
        Settings(forwarded_allow_ips=value)


def test_a_setting_names_networks_in_any_of_the_usual_ways() -> None:
    wanted = ("10.0.0.0/8", "::1", "unix", "*")
    assert Settings(forwarded_allow_ips="10.0.0.0/255.0.0.0, ::1 unix,*").forwarded_allow_ips == wanted
    assert Settings(forwarded_allow_ips=["10.0.0.0/8", "::1", "unix", "*"]).forwarded_allow_ips == wanted
    assert Settings(forwarded_allow_ips="").forwarded_allow_ips == ()
    assert Settings(forwarded_allow_ips="none").forwarded_allow_ips == ()


# How far


@pytest.mark.parametrize(
    ("entries", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("6.6.6.6,203.0.113.9 ,\t10.1.1.1, 10.2.2.2", "203.0.113.9"),
        ("nonsense, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("10.3.3.3, 10.1.1.1", "10.3.3.3"),
        ("203.0.113.9, , 10.1.1.1,", "203.0.113.9"),
        ("2001:db8::1, fd00::7", "2001:db8::1"),
        ("6.6.6.6, unknown, 10.1.1.1", ""),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_list_is_walked_from_its_end_to_the_first_who_is_not_trusted(entries: str, client: str) -> None:
    told = origin(for_=entries)
    assert told.remote is not None
    assert told.remote[0] == client


@pytest.mark.parametrize(
    ("hops", "client"), [(1, "10.1.1.1"), (2, "203.0.113.9"), (3, "6.6.6.6"), (4, "6.6.6.6"), (0, "203.0.113.9")]
)
def test_hops_count_entries_from_the_end_whatever_they_are(hops: int, client: str) -> None:
    told = origin(hops=hops, for_="6.6.6.6, 203.0.113.9, 10.1.1.1")
    assert told.remote == (client, 0)


def test_a_proxy_at_the_unix_socket_of_another_is_believed_as_one_at_ours() -> None:
    entries = "6.6.6.6, 203.0.113.9, unix:"
    assert origin(trusted=Trusted(["127.0.0.1", "unix"]), for_=entries).remote == ("203.0.113.9", 0)
    assert origin(trusted=Trusted(["127.0.0.1"]), for_=entries).remote == HIDDEN


def test_who_believes_everybody_believes_the_last_entry() -> None:
    assert origin(trusted=Trusted(["*"]), for_="6.6.6.6, 203.0.113.9").remote == ("203.0.113.9", 0)


def test_the_application_sees_of_a_list_what_is_vouched_for() -> None:
    told = origin(for_="6.6.6.6, 203.0.113.9, 10.1.1.1", proto="http, https, http")
    assert told.fields == {"x-forwarded-for": "203.0.113.9, 10.1.1.1", "x-forwarded-proto": "https"}
    assert told.scheme == "https"


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:4711", ("192.0.2.1", 4711)),
        ("[2001:db8::1]:4711", ("2001:db8::1", 4711)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("192.0.2.1:_hidden", ("192.0.2.1", 0)),
        ("unknown", HIDDEN),
        ("Unknown", HIDDEN),
        ("_gazonk", HIDDEN),
        ("_gazonk:80", HIDDEN),
    ],
)
def test_a_node_is_read(text: str, node: tuple[str, int]) -> None:
    assert read_node(text, "Forwarded") == node


@pytest.mark.parametrize(
    "text",
    ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "01.2.3.4", "1.2.3.4:", "1.2.3.4:99999", "[::1", "::g", "[1.2.3.4]x",
     "host", "1.2.3.4 ", "-", "1.2.3.4:8a", "[fe80::1%eth0]", "٣.1.1.1"],
)  # fmt: skip
def test_what_is_no_node_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"X-Forwarded-For must name|A port in X-Forwarded-For"):
        read_node(text, "X-Forwarded-For")


# The other fields


def test_each_field_is_believed_for_what_it_says() -> None:
    told = origin(for_="203.0.113.9", proto="HTTPS", host="shop.example:8443", prefix="/shop/")
    assert (told.scheme, told.host, told.port, told.prefix) == ("https", "shop.example:8443", 8443, "/shop")


@pytest.mark.parametrize(
    ("said", "host", "port"),
    [
        ({"port": "8443"}, "here:8443", 8443),
        ({"port": "443", "proto": "https"}, "here", 443),
        ({"port": "443", "proto": "https", "host": "shop.example:80"}, "shop.example", 443),
        ({"host": "shop.example"}, "shop.example", None),
        ({"host": "shop.example", "proto": "https"}, "shop.example", 443),
        ({"host": "[2001:db8::1]:81"}, "[2001:db8::1]:81", 81),
        ({"host": "[2001:db8::1]", "port": "81"}, "[2001:db8::1]:81", 81),
        ({"proto": "https"}, None, None),
    ],
)
def test_host_and_port_become_one(said: dict[str, str], host: str | None, port: int | None) -> None:
    told = told_by(said)
    assert (told.host, told.port) == (host, port)


@pytest.mark.parametrize(
    "said",
    [
        {"proto": "ftp"}, {"proto": ""}, {"proto": "https;"}, {"host": ""}, {"host": "a b"}, {"host": "a/b"},
        {"host": "@evil"}, {"host": ":80"}, {"port": "0"}, {"port": "65536"}, {"port": "8o"}, {"port": "-1"},
        {"port": ""},
        {"prefix": "shop"}, {"prefix": "//evil.example"}, {"prefix": "/a//b"}, {"prefix": "/a?b"}, {"prefix": "/a#b"},
        {"prefix": "/%2Fevil.example"}, {"prefix": "/%5cevil.example"}, {"prefix": "/a%2f"}, {"prefix": "/a%0D%0A"},
        {"prefix": "/a%7F"}, {"prefix": "/a%"}, {"prefix": "/a%g0"},
        {"prefix": "/\\evil.example"}, {"prefix": "https://evil.example/"}, {"for_": "host"},
        {"for_": "6.6.6.6, nonsense"},
        {"forwarded": 'for="6.6.6.6'}, {"forwarded": "for"}, {"forwarded": "for=6.6.6.6;for=1.1.1.1"},
        {"forwarded": "for=[::1]"}, {"forwarded": 'for="::g"'}, {"forwarded": "proto=gopher;for=1.1.1.1"},
        {"forwarded": "=x"}, {"forwarded": "for=1.1.1.1 proto=http"},
    ],
)  # fmt: skip
def test_what_a_trusted_proxy_cannot_mean_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        told_by(said)


def test_schemes_of_websockets_are_those_of_their_handshakes() -> None:
    assert (origin(proto="ws").scheme, origin(proto="wss").scheme) == ("http", "https")


# RFC 7239


def test_white_space_is_looked_at_once_whatever_follows() -> None:
    with pytest.raises(BadRequest):
        read_elements("for=a;" + " " * 1_000_000 + "!")


def test_forwarded_is_read_as_its_grammar_says() -> None:
    value = 'For="[2001:db8:cafe::17]:4711" , for=192.0.2.60; proto=http;by=203.0.113.43, , for="a\\"b,;"'
    elements = read_elements(value)
    assert elements == [
        {"for": "[2001:db8:cafe::17]:4711"},
        {"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"},
        {"for": 'a"b,;'},
    ]
    assert read_elements(", ".join(map(written, elements))) == elements


def test_blanks_are_looked_at_once() -> None:
    with pytest.raises(BadRequest):
        read_elements(f"for=192.0.2.1,{' ' * (1 << 20)}!")  # if at each from each before it, for hours


def test_forwarded_is_walked_from_its_end_too() -> None:
    told = origin(
        forwarded='for=6.6.6.6;host=evil, for="[2001:db8::1]:81";proto=https;host=shop.example, for=10.1.1.1;proto=http'
    )
    assert (told.remote, told.scheme, told.host) == (("2001:db8::1", 81), "https", "shop.example")
    assert told.fields["forwarded"] == (
        'for="[2001:db8::1]:81";proto=https;host=shop.example, for=10.1.1.1;proto=http'
    )


def test_the_element_of_the_outermost_proxy_need_not_tell_everything() -> None:
    told = origin(forwarded="for=203.0.113.9, for=10.1.1.1;proto=https")
    assert (told.remote, told.scheme) == (("203.0.113.9", 0), "https")
    assert origin(forwarded="proto=https").remote is None


def test_both_kinds_of_fields_may_tell_the_same() -> None:
    told = origin(forwarded="for=203.0.113.9;proto=https", for_="203.0.113.9", proto="https")
    assert (told.remote, told.scheme) == (("203.0.113.9", 0), "https")
    assert set(told.fields) == {"forwarded", "x-forwarded-for", "x-forwarded-proto"}


@pytest.mark.parametrize(
    "forwarded",
    [
        "for=6.6.6.6",
        "for=203.0.113.9;proto=http",
        "for=203.0.113.9;proto=https;host=evil",
        "for=203.0.113.9",
        "host=evil",
    ],
)
def test_two_kinds_of_fields_that_tell_different_things_are_refused(forwarded: str) -> None:
    with pytest.raises(BadRequest, match="must tell the same"):
        origin(forwarded=forwarded, for_="203.0.113.9", proto="https")


def test_the_client_behind_a_proxy_is_asked_of_the_connection_whatever_it_is_not_told() -> None:
    inherited = [
        name
        for name, value in vars(Client).items()
        if (inspect.isfunction(value) or isinstance(value, property)) and name not in vars(ClientBehindProxy)
    ]
    assert inherited == []


def test_nothing_is_told_where_nothing_counts() -> None:
    told: Any = origin(for_="")
    assert (told.remote, told.fields) == (None, {})
