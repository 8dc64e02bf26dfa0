"""Rules: which request gets which answer, and what is said of those that get none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ehttpd.errors import HandlerError
from ehttpd.messages import Request, Response
from ehttpd.testing import MockServer, UnexpectedRequest, UnmetRule
from ehttpd.testing.criteria import Criteria

POST = b"POST /hook HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s"


def failures(server: MockServer) -> list[str]:
    return [str(failure) for failure in server.failures()]


def test_a_rule_answers_the_request_it_is_for() -> None:
    with MockServer() as server:
        server.on("GET /items/{id}").reply(json={"id": 7})
        answer = server.client().get("/items/7")
        assert (answer.json(), answer.headers["content-type"]) == ({"id": 7}, "application/json")


def test_a_rule_that_says_no_reply_answers_200_with_nothing() -> None:
    with MockServer() as server:
        server.on("/any")
        assert (server.client().request("PUT", "/any").status, server.client().get("/any").body) == (200, b"")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"query": {"page": "2"}}, 200),
        ({"query": "page=2&tag=a&tag=b"}, 200),
        ({"query": {"tag": ["a", "b"]}}, 200),
        ({"query": {"tag": "a"}}, 500),
        ({"query": {"page": 2, "tag": [re.compile("."), "b"]}}, 200),
        ({"query": "tag=a&tag=b&page=2"}, 200),
        ({"query": "page=2"}, 500),
        ({"headers": {"X-Mark": "yes"}}, 200),
        ({"headers": {"x-mark": re.compile("y.*")}}, 200),
        ({"headers": {"X-Other": "yes"}}, 500),
        ({"body": b'{"event": "paid"}'}, 200),
        ({"body": '{"event": "paid"}'}, 200),
        ({"body": re.compile(b".*paid.*")}, 200),
        ({"body": re.compile(".*paid.*")}, 200),
        ({"body": b"paid"}, 500),
        ({"json": {"event": "paid"}}, 200),
        ({"json": {"event": "open"}}, 500),
        ({"json": None}, 500),
        ({"where": lambda request: request.text.endswith("}")}, 200),
        ({"where": lambda request: False}, 500),
    ],
)
def test_everything_that_is_given_must_agree(given: dict[str, Any], status: int) -> None:
    with MockServer(strict=False) as server:
        server.on("POST /hook", **given).reply()
        sent = {"json": {"event": "paid"}, "headers": {"X-Mark": "yes"}}
        assert server.client().post("/hook?page=2&tag=a&tag=b", **sent).status == status


@pytest.mark.parametrize(
    ("pattern", "method", "path", "parameters"),
    [
        ("GET /a/{name}", "GET", "/a/b", {"name": "b"}),
        ("GET /a/{name}", "GET", "/a/b/c", None),
        ("GET /a/{name}", "GET", "/a/", None),
        ("GET|HEAD /a/{rest*}", "HEAD", "/a/b/c", {"rest": "b/c"}),
        ("GET|HEAD /a/{rest...}", "HEAD", "/a/b/c", {"rest": "b/c"}),
        ("* /a.b", "PATCH", "/a.b", {}),
        ("/a.b", "PATCH", "/axb", None),
        ("GET /{id:int}.txt", "GET", "/7.txt", {"id": 7}),
        ("GET /{id:int}", "GET", "/seven", None),
        ("GET /{day:date}", "GET", "/2026-13-01", None),
        ("GET /a%20b/{name}", "GET", "/a b/c d", {"name": "c d"}),
    ],
)
def test_a_pattern_is_a_method_and_a_path(
    pattern: str, method: str, path: str, parameters: dict[str, str] | None
) -> None:
    criteria = Criteria(pattern)
    assert criteria.parameters(path) == parameters
    assert criteria.fits_head(method, path) is (parameters is not None)


@pytest.mark.parametrize("pattern", ["", "GET", "GET items", "GET /a b", "/{}", "/{a:colour}", "/{a}{a}", "/{a"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with MockServer() as server, pytest.raises(ValueError, match=r"A pattern is|A part|cannot be read"):
        server.on(pattern)


@pytest.mark.parametrize("pattern", ["get /items", "GET|head /items"])
def test_a_method_in_small_letters_is_refused_with_the_one_that_is_meant(pattern: str) -> None:
    with MockServer() as server, pytest.raises(ValueError, match=r"Did you mean '(GET|HEAD)'\?"):
        server.on(pattern)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"query": [("page", "2")]}, r"query is .*text.* Found \[\('page', '2'\)\]"),
        ({"headers": [("X-A", "1")]}, r"headers is .* Found \["),
        ({"body": {"name": "tea"}}, r"body is .* Found \{"),
    ],
)
def test_what_no_request_could_have_is_refused_where_it_is_written(given: Any, found: str) -> None:
    with MockServer() as server, pytest.raises(TypeError, match=found):
        server.on("/", **given)


def test_a_reply_begins_with_a_status_and_says_so() -> None:
    wrong: Any = {"id": 7}
    with MockServer(strict=False) as server, pytest.raises(TypeError, match=r"status.* Found \{'id': 7\}"):
        server.on("/").reply(wrong)


def test_a_pattern_may_have_the_query_that_is_asked_for() -> None:
    with MockServer(strict=False) as server:
        server.on("GET /search?q=a+b&page=2").reply(204)
        client = server.client()
        asked = [client.get(f"/search{query}").status for query in ("?page=2&q=a%20b", "?q=a+b", "")]
        assert asked == [204, 500, 500]
        with pytest.raises(ValueError, match="Give the query"):
            server.on("GET /a?b=c", query={"d": "e"})


def test_rules_are_tried_in_order_and_passed_over_when_used_up() -> None:
    with MockServer() as server:
        server.on("GET /").reply(503).times(2)
        server.on("GET /").reply(200)
        client = server.client()
        assert [client.get("/").status for _ in range(4)] == [503, 503, 200, 200]


def test_then_goes_on_with_another_answer() -> None:
    with MockServer() as server:
        server.on("GET /").reply(503).then().reply(502).times(2).then().reply(200)
        client = server.client()
        assert [client.get("/").status for _ in range(5)] == [503, 502, 502, 200, 200]


@pytest.mark.parametrize(
    ("limits", "asked", "missing"),
    [
        ((), 0, "expected once, and came not at all"),
        ((), 3, None),
        ((2,), 1, "expected twice, and came once"),
        ((2, 5), 1, "expected twice, and came once"),
        ((2, 5), 4, None),
        ((3, None), 2, "expected 3 times, and came twice"),
        ((0,), 0, None),
    ],
)
def test_a_rule_that_was_not_met_is_told(limits: tuple[Any, ...], asked: int, missing: str | None) -> None:
    server = MockServer().start()
    rule = server.on("GET /here").named("the page")
    if limits:
        rule.times(*limits)
    for _ in range(asked):
        server.client().get("/here")
    server.stop()
    if missing is None:
        server.verify()
    else:
        with pytest.raises(UnmetRule, match=rf"'the page': GET /here \(test_mock\.py:\d+\) was {missing}"):
            server.verify()


def test_an_unexpected_request_is_told_with_what_was_nearest() -> None:
    server = MockServer().start()
    server.on("POST /hook", json={"event": "paid", "list": [1, 2]}).optional()
    server.on("GET /elsewhere", headers={"A": "b"}).optional()
    answer = server.client().post("/hook", json={"event": "open", "list": [1, 3], "more": True})
    server.stop()
    assert answer.status == 500
    (error,) = server.failures()
    assert isinstance(error, UnexpectedRequest)
    first, *others = str(error).splitlines()
    assert first == "No rule is for POST /hook."
    assert re.fullmatch(r"  near: POST /hook, json=\{.*\} \(test_mock\.py:\d+\)", others[0])
    assert others[1:4] == [
        "    json['event']: expected 'paid', received 'open'",
        "    json['list'][1]: expected 2, received 3",
        "    json['more']: not expected, received True",
    ]
    assert others[5:] == [
        "    method: expected 'GET', received 'POST'",
        "    path: expected '/elsewhere', received '/hook'",
        "    field A: expected 'b', received None",
    ]
    assert answer.text == f"{error}\n"


def test_a_request_too_many_is_unexpected() -> None:
    server = MockServer().start()
    server.on("GET /").once()
    client = server.client()
    assert [client.get("/").status, client.get("/").status] == [200, 500]
    server.stop()
    assert "it was expected once, and that has come" in failures(server)[0]


def test_everything_that_went_wrong_is_in_one_group() -> None:
    def breaks(request: Request) -> Response:
        raise KeyError("missing")

    with pytest.raises(BaseExceptionGroup) as caught, MockServer() as server:
        server.on("GET /never")
        server.on("GET /broken").handle(breaks)
        server.client().get("/broken")
        server.client().get("/nobody")
    assert [type(error) for error in caught.value.exceptions] == [UnmetRule, UnexpectedRequest, KeyError]


def test_a_relaxed_server_tells_of_exceptions_only() -> None:
    with MockServer(strict=False) as server:
        server.on("GET /never")
        assert server.client().get("/nobody").status == 500


def test_a_rule_holds_for_its_block_only() -> None:
    with MockServer(strict=False) as server:
        with server.on("GET /").reply(204):
            assert server.client().get("/").status == 204
        assert server.client().get("/").status == 500
        with pytest.raises(UnmetRule), server.on("GET /").reply(204):
            pass


def test_a_handler_gets_the_parameters_of_the_path_by_name() -> None:
    with MockServer() as server:
        server.on("GET /a/{one}/{two}").handle(lambda request, one, two: Response.text(f"{two} {one} {request.query}"))
        assert server.client().get("/a/x/y?z").text == "y x z"


def test_a_handler_need_not_take_the_parameters_of_the_path() -> None:
    with MockServer() as server:
        server.on("GET /{one:int}").handle(lambda request: f"{request.params['one'] + 1}")
        server.on("GET /{one}/{two}").handle(lambda request, **names: sorted(names))
        client = server.client()
        assert (client.get("/1").text, client.get("/x/y").json()) == ("2", ["one", "two"])


def test_the_rules_that_look_most_like_a_request_are_shown() -> None:
    server = MockServer().start()
    for name in ("users", "orders", "invoices", "items", "prices"):
        server.on(f"GET /{name}/{{id}}").optional()
    server.client().get("/item/7")
    server.stop()
    (message,) = failures(server)
    assert message.splitlines()[1].startswith("  near: GET /items/{id} (")


def test_rules_look_at_whole_bodies_also_where_those_are_streamed() -> None:
    with MockServer(stream_bodies=True) as server:
        server.on("POST /items", json={"name": "tea"}).handle(lambda request: Response(request.body.read()))
        assert server.client().post("/items", body=iter([b'{"name":', b' "tea"}'])).body == b'{"name": "tea"}'
        assert server.take().body == b'{"name": "tea"}'


def test_a_rule_answers_with_an_application() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("202 Taken", [])
        return [environ["wsgi.input"].read()]

    with MockServer() as server:
        server.on("POST /").wsgi(application)
        answer = server.client().post("/", body=b"echo")
        assert (answer.status, answer.reason, answer.body) == (202, "Taken", b"echo")


def test_a_reply_is_sent_in_the_chunks_that_were_given_with_its_trailers() -> None:
    with MockServer() as server:
        server.on("GET /").reply(chunks=[b"a", b"bcd"], trailers={"X-Sum": "4"}, headers={"X-A": "1"})
        octets = server.wire(b"GET / HTTP/1.1\r\nHost: here\r\nTE: trailers\r\n\r\n")
        assert octets.endswith(b"\r\n\r\n1\r\na\r\n3\r\nbcd\r\n0\r\nX-Sum: 4\r\n\r\n")
        assert b"X-A: 1\r\n" in octets


def test_interim_responses_come_before_the_reply() -> None:
    with MockServer() as server:
        server.on("GET /").reply(text="ok", informational=[102, (103, {"Link": "</style.css>"})])
        octets = server.wire(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert octets.startswith(
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\n"
        )


def test_a_file_is_sent_with_its_type(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    with MockServer() as server:
        server.on("GET /").reply(file=tmp_path / "page.html")
        for _ in range(2):
            answer = server.client().get("/")
            assert (answer.text, answer.headers["content-type"]) == ("<p>", "text/html")


def test_a_stream_can_be_given_again_and_again_unless_it_is_an_iterator() -> None:
    with MockServer() as server:
        server.on("GET /function").reply(stream=lambda: iter([b"a", b"b"]))
        server.on("GET /list").reply(stream=["a", b"b"])  # type: ignore[list-item]
        server.on("GET /iterator").reply(stream=iter([b"a", b"b"]))
        server.on("GET /octets").reply(stream=b"ab")  # type: ignore[arg-type]
        client = server.client()
        for name in ("function", "function", "list", "list", "iterator", "octets"):
            assert client.get(f"/{name}").body == b"ab"
    with pytest.raises(Exception, match="give a list or a function"), MockServer() as server:
        server.on("GET /").reply(stream=iter([b"a"]))
        assert [server.client().get("/").status for _ in range(2)] == [200, 500]


ASK = b"GET %s HTTP/1.1\r\nHost: here\r\nTE: trailers\r\n\r\n"


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"text": "abcdef", "chunks": 4}, b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"),
        ({"body": "abcdef", "chunks": [1, 3]}, b"1\r\na\r\n3\r\nbcd\r\n2\r\nef\r\n0\r\n\r\n"),
        ({"chunks": [b"a", b"", b"bc"], "throttle": 10_000}, b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
        ({"text": "ab", "trailers": {"X-Sum": 2}, "throttle": 100}, b"2\r\nab\r\n0\r\nX-Sum: 2\r\n\r\n"),
        ({"text": "ab", "throttle": 10_000}, b"Content-Length: 2\r\n\r\nab"),
    ],
    ids=str,
)
def test_a_reply_is_framed_as_it_says(options: Any, body: bytes, tls: bool) -> None:
    with MockServer(tls=tls, date_header=False) as server:
        server.on("GET /").reply(**options)
        assert server.wire(ASK % b"/").endswith(body)


def test_a_file_may_have_trailers(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<p>")
    with MockServer() as server:
        server.on("GET /").reply(file=str(tmp_path / "page"), trailers=[("X-Sum", "1")])
        assert server.wire(ASK % b"/").endswith(b"3\r\n<p>\r\n0\r\nX-Sum: 1\r\n\r\n")


@pytest.mark.parametrize(
    "options",
    [
        {"status": 103},
        {"status": 600},
        {"headers": {"a b": "x"}},
        {"headers": {"a": "x\r\ny"}},
        {"informational": [200]},
        {"informational": 101},
        {"headers": {"a": None}},
        {"text": 3},
        {"body": 3},
        {"stream": [3]},
        {"json": {1}},
        {"delay": "soon"},
        {"delay": -1},
        {"throttle": -1},
        {"chunks": 0},
        {"colour": "blue"},
        {"text": "a", "chunks": [b"b"]},
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_refused_where_it_is_written(options: Any) -> None:
    with MockServer(strict=False) as server, pytest.raises((TypeError, ValueError, HandlerError)):
        server.on("GET /").reply(**options)


def test_numbers_may_be_fields_and_one_interim_response_stands_alone() -> None:
    with MockServer() as server:
        server.on("GET /").reply(503, headers={"Retry-After": 0}, informational=(103, {"Link": "</a>"}))
        octets = server.wire(ASK % b"/")
        assert octets.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 503 ")
        assert b"\r\nRetry-After: 0\r\n" in octets


def test_two_bodies_are_one_too_many() -> None:
    with MockServer(strict=False) as server, pytest.raises(TypeError, match="Give one of"):
        server.on("GET /").reply(text="a", json=None)


def test_a_delayed_and_throttled_reply_arrives_whole() -> None:
    with MockServer() as server:
        server.on("GET /").reply(body=b"x" * 100, delay=0.01, throttle=10_000)
        assert server.client().get("/").body == b"x" * 100
        seconds = server.exchanges[0].seconds
        assert seconds is not None
        assert seconds >= 0.01


def test_a_delay_ends_when_the_server_stops() -> None:
    server = MockServer().start()
    server.on("GET /").reply(delay=3600)
    connected = server.client()._connection
    connected.request("GET", "/")
    server.take()
    assert server.stop()
