"""The smaller middlewares: what they add, refuse and leave alone."""

from __future__ import annotations

import base64
import io
import logging
import math
import time
from collections.abc import Iterator

import pytest

from ehttpd.cancellation import Deadline
from ehttpd.errors import HandlerError
from ehttpd.messages import Handler, Request, Response
from ehttpd.toolkit.access_log import access_log
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.basic_auth import basic_auth
from ehttpd.toolkit.cors import cors
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.limit_body import limit_body
from ehttpd.toolkit.pipeline import Middleware, pipeline
from ehttpd.toolkit.request_id import request_id
from ehttpd.toolkit.timeout import timeout
from ehttpd.toolkit.vary import add_vary
from tests.server.live import serving
from tests.toolkit.asking import ask, asked, text_of


def hello(request: Request) -> str:
    return "hello"


def refusing(request: Request) -> str:
    raise HTTPError(403, "Not you.")


# pipeline


def test_the_first_middleware_of_a_pipeline_is_the_outermost() -> None:
    seen: list[str] = []

    def noting(name: str) -> Middleware:
        def middleware(view: View) -> Handler:
            def handler(request: Request) -> Response:
                seen.append(name)
                return answer_of(view, request)

            return handler

        return middleware

    assert text_of(ask(pipeline(hello, noting("outer"), noting("inner")))) == "hello"
    assert seen == ["outer", "inner"]


def test_a_middleware_sees_a_response_whatever_the_handler_returns_or_raises() -> None:
    assert ask(pipeline(hello)).body == b"hello"
    assert ask(pipeline(refusing)).status == 403


# limit_body


def size_of(request: Request) -> str:
    return str(len(request.body.read()))


@pytest.mark.parametrize(("size", "status"), [(0, 200), (10, 200), (11, 413), (100_000, 413)])
def test_a_body_that_is_too_long_is_refused(size: int, status: int) -> None:
    with serving(limit_body(10)(size_of)) as server:
        assert server.connect().ask(method="POST", body=b"x" * size).status == status


@pytest.mark.parametrize(("size", "status"), [(0, 200), (10, 200), (11, 413), (100_000, 413)])
def test_a_chunked_body_that_is_too_long_is_refused_where_it_is_read(size: int, status: int) -> None:
    with serving(limit_body(10)(size_of)) as server:
        peer = server.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(*([b"%x\r\n" % size, b"x" * size, b"\r\n"] if size else []), b"0\r\n\r\n")
        reply = peer.reply()
    assert reply.status == status
    assert reply.body == (b"%d" % size if status == 200 else reply.body)


def test_a_limited_body_is_read_by_lines_too() -> None:
    with serving(limit_body(100)(lambda request: repr(list(request.body)))) as server:
        assert server.connect().ask(method="POST", body=b"a\nb").body == repr([b"a\n", b"b"]).encode()


def test_a_body_that_somebody_outside_has_read_is_limited_as_well() -> None:
    def reading(view: View) -> Handler:
        def handler(request: Request) -> Response:
            request.read_all()
            return answer_of(view, request)

        return handler

    with serving(pipeline(lambda request: str(len(request.read_all())), reading, limit_body(10))) as server:
        for size, status in ((10, 200), (11, 413)):
            peer = server.connect()
            peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.send(b"%x\r\n" % size, b"x" * size, b"\r\n0\r\n\r\n")
            assert peer.reply().status == status


def test_a_body_that_knows_no_more_than_read_is_limited() -> None:
    class Body:
        def __init__(self, octets: bytes) -> None:
            self.read = io.BytesIO(octets).read

    request = asked("/", method="POST")
    request.body = Body(b"x" * 10)  # type: ignore[assignment]
    assert text_of(limit_body(10)(size_of)(request)) == "10"


# timeout


def test_a_handler_learns_until_when_its_answer_is_wanted() -> None:
    def handler(request: Request) -> str:
        assert 9 < (request.deadline.remaining() or math.inf) <= 10
        return "in time"

    assert text_of(ask(timeout(10)(handler))) == "in time"


def test_an_earlier_deadline_stands() -> None:
    request = asked()
    request.deadline = Deadline(time.monotonic() + 1)
    assert text_of(timeout(10)(lambda request: str((request.deadline.remaining() or 9) <= 1))(request)) == "True"


def waiting_in_vain(request: Request) -> str:
    raise TimeoutError


def test_what_times_out_at_the_deadline_is_503() -> None:
    assert ask(timeout(0)(waiting_in_vain)).status == 503


def test_what_times_out_before_is_the_handlers_own_failure() -> None:
    with pytest.raises(TimeoutError):
        ask(timeout(10)(waiting_in_vain))


# request_id


def test_a_request_gets_a_name_that_the_response_has_too() -> None:
    handler = request_id()(lambda request: str(request.state["request_id"]))
    first, second = ask(handler), ask(handler)
    assert text_of(first) == first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_a_name_that_the_client_gives_is_kept_if_logs_can_bear_it() -> None:
    handler = request_id("Trace")(hello)
    assert ask(handler, "/", "trace: a-1.b_2").headers["Trace"] == "a-1.b_2"
    for given in ('a" b', "a b", "x" * 129, "é", ""):
        assert ask(handler, "/", f"Trace: {given}").headers["Trace"] != given


def test_an_error_has_the_name_as_well() -> None:
    assert ask(request_id()(refusing), "/", "X-Request-ID: a").headers["X-Request-ID"] == "a"


# basic_auth


def authorization(name: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def guarded(request: Request) -> str:
    return f"hello {request.state['user']}"


def test_who_knows_the_password_passes() -> None:
    handler = basic_auth({"anna": "sécret: yes", "ben": ""})(guarded)
    assert text_of(ask(handler, "/", authorization("anna", "sécret: yes"))) == "hello anna"
    assert text_of(ask(handler, "/", authorization("ben", "").replace("Basic", "bAsIc"))) == "hello ben"


@pytest.mark.parametrize(
    "field",
    [
        authorization("anna", "wrong"),
        authorization("anna", ""),
        authorization("nobody", "secret"),
        authorization("", ""),
        "Authorization: Basic ???",
        "Authorization: Basic YmVu",
        "Authorization: Basic /////w==",
        "Authorization: Bearer YW5uYTpzZWNyZXQ=",
        "X: y",
    ],
)
def test_whoever_does_not_is_challenged(field: str) -> None:
    refused = ask(basic_auth({"anna": "secret", "ben": ""}, "the house")(guarded), "/", field)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="the house", charset="UTF-8"')


def test_passwords_may_be_known_by_a_function() -> None:
    handler = basic_auth(lambda name, password: (name, password) == ("anna", "x"))(guarded)
    assert ask(handler, "/", authorization("anna", "x")).status == 200
    assert ask(handler, "/", authorization("anna", "y")).status == 401
    assert ask(handler).status == 401


def test_credentials_of_octets_that_are_no_base64_are_refused() -> None:
    for credentials in ("Basic \xff\xfe", "Basic é", "Basic =", "Basic w6k=:"):
        assert ask(basic_auth({"a": "b"})(guarded), "/", f"Authorization: {credentials}").status == 401


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\r\nb", "é"])
def test_a_realm_that_cannot_be_quoted_is_an_error(realm: str) -> None:
    with pytest.raises(HandlerError):
        basic_auth({}, realm)


# cors

ORIGIN = "Origin: https://a.example"
PREFLIGHT = (ORIGIN, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")


def allowed(response: Response) -> dict[str, str]:
    """Return what a response allows to pages of another origin."""
    return {name.lower()[15:]: value for name, value in response.headers if name.lower().startswith("access-control-")}


def test_any_page_may_read_what_is_for_all() -> None:
    response = ask(cors()(hello), "/", ORIGIN)
    assert allowed(response) == {"allow-origin": "*"}
    assert "vary" not in response.headers


def test_what_is_for_all_says_so_to_everybody_since_caches_take_it_for_one() -> None:
    handler = cors(expose="X-Total")(hello)
    assert allowed(ask(handler, "/")) == allowed(ask(handler, "/", ORIGIN))
    assert ask(handler, "/", *PREFLIGHT[1:], method="OPTIONS").body == b"hello", "no preflight"


def test_only_pages_that_are_named_may_read_the_rest() -> None:
    handler = cors(["https://a.example"], expose=["X-Total"], credentials=True)(hello)
    response = ask(handler, "/", ORIGIN)
    assert allowed(response) == {
        "allow-origin": "https://a.example", "allow-credentials": "true", "expose-headers": "X-Total",
    }  # fmt: skip
    for others in ((), ("Origin: https://b.example",), ("Origin: null",), ("Origin: https://a.example.evil",)):
        response = ask(handler, "/", *others)
        assert allowed(response) == {}
        assert response.headers["vary"] == "Origin", "a cache must know that it depends"


def test_a_preflight_request_is_answered_before_the_handler() -> None:
    handler = cors("https://a.example", methods=["PUT"], headers=["X-A", "X-B"], max_age=60)(refusing)
    response = ask(handler, "/", *PREFLIGHT, method="OPTIONS")
    assert (response.status, response.body) == (204, b"")
    assert allowed(response) == {
        "allow-origin": "https://a.example", "allow-methods": "PUT", "allow-headers": "X-A, X-B", "max-age": "60",
    }  # fmt: skip
    assert ask(handler, "/", ORIGIN, method="OPTIONS").status == 403, "that is no preflight request"
    assert ask(handler, "/", "Origin: https://b.example", *PREFLIGHT[1:], method="OPTIONS").status == 403


def test_a_single_name_is_as_good_as_a_list_of_one() -> None:
    handler = cors("https://a.example", methods="PUT", headers="Content-Type", expose="X-Total")(refusing)
    preflight = allowed(ask(handler, "/", *PREFLIGHT, method="OPTIONS"))
    assert (preflight["allow-methods"], preflight["allow-headers"]) == ("PUT", "Content-Type")
    assert allowed(ask(handler, "/", ORIGIN))["expose-headers"] == "X-Total"


def test_a_page_can_read_errors_too() -> None:
    assert allowed(ask(cors()(refusing), "/", ORIGIN)) == {"allow-origin": "*"}


def test_credentials_are_for_origins_that_are_named() -> None:
    with pytest.raises(HandlerError):
        cors(credentials=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "Origin"), ("Accept", "Accept, Origin"), ("accept, origin", "accept, origin"), ("*", "*")],
)
def test_vary_names_each_field_once(before: str, after: str) -> None:
    response = Response(headers={"Vary": before} if before else ())
    add_vary(response, "Origin")
    assert response.headers.all("vary") == [after]


# access_log


def test_a_line_is_logged_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ehttpd.access")
    ask(access_log()(hello), "/a?b", "User-Agent: x")
    ask(access_log()(refusing), "/a", "Accept: text/plain", method="POST")
    ask(access_log()(hello), "/a", method="HEAD")
    first, second, third = caplog.messages
    assert '"GET /a?b HTTP/1.1" 200 5 "-" "x"' in first
    assert '"POST /a HTTP/1.1" 403 9 ' in second
    assert '"HEAD /a HTTP/1.1" 200 - ' in third


def test_a_stream_is_logged_when_it_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ehttpd.access")
    closed: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"abc"
            yield b"de"
        finally:
            closed.append(True)

    with serving(access_log()(lambda request: Response.stream(pieces()))) as server:
        assert server.connect().ask().body == b"abcde"
    (line,) = caplog.messages
    assert '"GET / HTTP/1.1" 200 5 ' in line
    assert closed == [True]


def test_a_failure_is_logged_as_500_and_raised_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ehttpd.access")
    with pytest.raises(TimeoutError):
        ask(access_log()(waiting_in_vain))
    assert " 500 - " in caplog.text
