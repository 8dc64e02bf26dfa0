"""The router: which handler is called, and what is answered where there is none."""

from __future__ import annotations

import random
import sys
import time
from datetime import date
from itertools import product
from uuid import UUID

import pytest

from ehttpd.messages import Request, Response
from ehttpd.toolkit.answers import View
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.patterns import PatternError, Relation, parse_pattern
from ehttpd.toolkit.router import Router
from tests.server.live import serving
from tests.toolkit.asking import ask, text_of


def teller(pattern: str) -> View:
    return lambda request: f"{pattern} {dict(request.params)}"


def telling(*patterns: str) -> Router:
    """Return a router whose handlers tell their pattern and their captures."""
    router = Router()
    for pattern in patterns:
        router.add(pattern, teller(pattern))
    return router


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/", "/{$} {}"),
        ("/items/7", "/items/{id:int} {'id': 7}"),
        ("/items/-7?page=2", "/items/{id:int} {'id': -7}"),
        ("/items/07", "/items/{key} {'key': '07'}"),
        ("/items/new", "/items/new {}"),
        ("/items/n%65w", "/items/new {}"),
        ("/items/n%C3%A9e%20", "/items/{key} {'key': 'née '}"),
        ("/days/2026-11-23", f"/days/{{day:date}} {{'day': {date(2026, 11, 23)!r}}}"),
        ("/of/0f000000-0000-4000-8000-000000000001",
         f"/of/{{who:uuid}} {{'who': {UUID('0f000000-0000-4000-8000-000000000001')!r}}}"),
        ("/files/a/b%20c/", "/files/{rest...} {'rest': 'a/b c/'}"),
        ("/files/", "/files/{rest...} {'rest': ''}"),
        ("/below/x/y", "/below/ {}"),
        ("/below/a%2Fb/../%00", "/below/ {}"),
        ("/a/b/c", "/a/{x}/c {'x': 'b'}"),
        ("/a/b/d", "/a/b/d {}"),
        ("http://here/items/new?x", "/items/new {}"),
        ("/caf%C3%A9", "/café {}"),
        ("/50%25", "/50% {}"),
        ("/a%20b/x", "/a%20b/{x} {'x': 'x'}"),
        ("/%61%20b/x", "/a%20b/{x} {'x': 'x'}"),
    ],
)  # fmt: skip
def test_the_most_specific_pattern_is_called(target: str, answer: str) -> None:
    router = telling(
        "/{$}", "/items/{key}", "/items/{id:int}", "/items/new", "/days/{day:date}", "/of/{who:uuid}",
        "/files/{rest...}", "/below/", "/a/{x}/c", "/a/b/d", "/café", "/50%", "/a%20b/{x}",
    )  # fmt: skip
    assert text_of(ask(router, target)) == answer


@pytest.mark.parametrize(
    "target",
    [
        "/items/", "/items/a%2Fb", "/items/a%2fb", "/items/a%00", "/items/.", "/items/..", "/items/%2e%2E",
        "/files/../x", "/files/%2e%2e/x", "/files/a%2Fb", "/files//etc/passwd", "/files/a%00", "/days/2026-02-30",
        "/days/2026-13-01", "/nothing", "/items/a/b", "/numbers/1" + "0" * 18, "/numbers/+1", "/numbers/1_0",
        "/numbers/%D9%A3",
    ],
)  # fmt: skip
def test_what_no_pattern_matches_is_not_found(target: str) -> None:
    router = telling("/items/{key}", "/files/{rest...}", "/days/{day:date}", "/numbers/{n:int}")
    assert ask(router, target).status == 404


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a", "/a"),
        ("GET /{x}/b", "GET /a/{y}"),
        ("GET /", "/static/"),
        ("/a/{x...}", "/a/"),
        ("/{x:int}/{y}", "/{x}/b"),
        ("/{x}/b/", "/a/"),
    ],
)
def test_a_conflict_is_an_error_that_names_both_patterns(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        router = telling(one)
        with pytest.raises(PatternError) as raised:
            router.add(other, lambda request: None)
        assert repr(one) in str(raised.value)
        assert repr(other) in str(raised.value)


def test_conflicts_are_found_however_many_patterns_there_are() -> None:
    """Every pair of patterns: they conflict in a router exactly if neither is more specific."""
    parts = ["a", "7", "{x}", "{x:int}"]
    paths = [
        f"/{one}/{other}" for one, other in product(parts, [*[part.replace("x", "y") for part in parts], "", "{$}"])
    ]
    patterns = [f"{method}{path}" for method in ("", "GET ", "HEAD ") for path in [*paths, "/", "/a", "/{x}"]]
    for one, other in random.Random(1).sample(list(product(patterns, patterns)), 1500):
        relation = parse_pattern(one).relation(parse_pattern(other))
        try:
            telling(one, other)
            conflict = False
        except PatternError:
            conflict = True
        assert conflict == (relation in (Relation.EQUAL, Relation.OVERLAPPING)), (one, other)


@pytest.mark.parametrize(("captures", "takes"), [("GET", ""), ("HEAD", "GET "), ("HEAD", "")])
def test_what_cannot_be_captured_goes_to_who_does_not_capture(captures: str, takes: str) -> None:
    router = Router()
    router.add(f"{captures} /{{rest...}}", lambda request: Response("captured", 299))
    router.add(f"{takes}/", lambda request: Response("taken", 298))
    assert ask(router, "/a/b", method=captures).status == 299
    assert ask(router, "/a/../b", method=captures).status == 298


def test_the_order_of_registration_does_not_matter() -> None:
    patterns = ["/", "/a/", "/a/{x}", "/a/{x:int}", "/a/b", "GET /a/b", "/a/b/c", "/{x}", "/a/{x}/d"]
    targets = ["/", "/a/", "/a/b", "/a/7", "/a/q", "/a/b/c", "/a/b/d", "/a/b/d/", "/q"]
    expected = [text_of(ask(telling(*patterns), target)) for target in targets]
    for seed in range(20):
        shuffled = random.Random(seed).sample(patterns, len(patterns))
        assert [text_of(ask(telling(*shuffled), target)) for target in targets] == expected


def test_a_method_that_a_more_specific_pattern_has_not_is_looked_for_further_up() -> None:
    router = telling("GET /items/{key}", "POST /items/new")
    assert text_of(ask(router, "/items/new")) == "GET /items/{key} {'key': 'new'}"
    assert text_of(ask(router, "/items/new", method="POST")) == "POST /items/new {}"


def test_get_answers_head_unless_head_has_a_handler() -> None:
    router = telling("GET /a", "GET /b", "HEAD /b")
    assert text_of(ask(router, "/a", method="HEAD")) == "GET /a {}"
    assert text_of(ask(router, "/b", method="HEAD")) == "HEAD /b {}"
    with serving(router) as server:
        reply = server.connect().ask("/a", method="HEAD")
    assert (reply.status, reply.body, reply.fields["content-length"]) == (200, b"", "9")


def test_a_method_that_nobody_registered_is_405_with_those_that_are_allowed() -> None:
    router = telling("GET /a", "POST /{x}", "DELETE /b")
    refused = ask(router, "/a", method="PUT")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_a_method_that_nobody_knows_is_not_implemented() -> None:
    """RFC 9110 §9.1: unless it is registered somewhere, for then it is known."""
    router = telling("GET /a", "BREW /pot")
    assert ask(router, "/a", method="STIR").status == 501
    assert ask(router, "/a", method="BREW").status == 405
    assert ask(router, "/nowhere", method="STIR").status == 404


def test_options_for_the_server_as_a_whole_is_told_all_methods() -> None:
    router = telling("GET /a", "DELETE /{$}", "/b")
    told = ask(router, "*", method="OPTIONS")
    assert (told.status, told.headers["Allow"], told.body) == (204, "DELETE, GET, HEAD, OPTIONS", b"")
    assert text_of(ask(telling("OPTIONS /"), "*", method="OPTIONS")) == "OPTIONS / {}"


def test_options_is_told_what_is_allowed_unless_it_has_a_handler() -> None:
    router = telling("GET /a", "OPTIONS /b", "/c")
    told = ask(router, "/a", method="OPTIONS")
    assert (told.status, told.headers["Allow"], told.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert text_of(ask(router, "/b", method="OPTIONS")) == "OPTIONS /b {}"
    assert text_of(ask(router, "/c", method="OPTIONS")) == "/c {}"


def test_a_pattern_with_a_host_is_for_that_host_only() -> None:
    router = telling("/a", "api.example.com/{x}", "/{x}")
    assert text_of(ask(router, "/a", "Host: API.example.com:8080")) == "api.example.com/{x} {'x': 'a'}"
    assert text_of(ask(router, "/a", "Host: example.com")) == "/a {}"
    assert text_of(ask(router, "/a")) == "/a {}"
    assert text_of(ask(router, "/b", "Host: [::1]")) == "/{x} {'x': 'b'}"


def test_decorators_register_and_return_the_function() -> None:
    router = Router()

    @router.get("/x")
    @router.post("/x")
    @router.put("/x")
    @router.patch("/x")
    @router.delete("/x")
    @router.route("PURGE /x", "LINK /x")
    def view(request: Request) -> str:
        return request.method

    assert view(Request("GET", "/")) == "GET"
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "LINK"):
        assert text_of(ask(router, "/x", method=method)) == method


def test_the_fallback_is_called_where_nothing_matches_and_nowhere_else() -> None:
    router = telling("GET /a")

    @router.fallback
    def fallback(request: Request) -> str:
        return f"nothing at {request.path}"

    assert text_of(ask(router, "/b")) == "nothing at /b"
    assert ask(router, "/a", method="PUT").status == 405


def test_what_a_handler_raises_as_an_answer_is_returned() -> None:
    router = Router()

    @router.get("/gone")
    def gone(request: Request) -> None:
        raise HTTPError(410, "It was here.")

    assert ask(router, "/gone").status == 410


def test_below_a_mount_a_handler_sees_the_rest_of_the_path() -> None:
    inner = telling("/{$}", "/{x}", "/deep/{rest...}")
    router = telling("/{tenant}")
    router.mount("/in", inner)
    router.mount("/in/two/", lambda request: f"{request.path} {request.raw_path} {request.target}")
    assert text_of(ask(router, "/in/")) == "/{$} {}"
    assert text_of(ask(router, "/in/a")) == "/{x} {'x': 'a'}"
    assert text_of(ask(router, "/in/two/a%2Fb?c=d")) == "/a/b /a%2Fb /a%2Fb?c=d"
    assert text_of(ask(router, "http://here/in/deep/b/c")) == "/deep/{rest...} {'rest': 'b/c'}"
    assert ask(router, "/in/a/b").status == 404


def test_captures_of_a_mount_stay_with_those_inside() -> None:
    router = Router()
    router.mount("/of/{tenant}", telling("/{x:int}"))
    assert text_of(ask(router, "/of/me/7")) == "/{x:int} {'tenant': 'me', 'x': 7}"


def test_a_mount_at_the_root_leaves_requests_as_they_are() -> None:
    router = telling("/a")
    router.mount("/", lambda request: type(request).__name__)
    assert text_of(ask(router, "/b")) == "Request"


def test_what_a_middleware_notes_outside_is_seen_below_a_mount() -> None:
    router = Router()
    router.mount("/in", lambda request: str(request.state))
    request = Request("GET", "/in/")
    request.state["seen"] = True
    assert text_of(router(request)) == "{'seen': True}"


def test_what_is_noted_below_a_mount_is_seen_outside() -> None:
    router = Router()
    router.mount("/in", lambda request: request.state.update(user="anna"))
    request = Request("GET", "/in/")
    assert router(request).status == 204
    assert request.state == {"user": "anna"}


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/below", "./below/"),
        ("/below?a=b", "./below/?a=b"),
        ("/in/below", "./below/"),
        ("/x%3Ay", "./x%3Ay/"),
    ],
)
def test_a_prefix_without_its_slash_is_redirected_to_it(target: str, location: str) -> None:
    inner = telling("/below/")
    router = telling("/below/", "/x:y/")
    router.mount("/in", inner)
    redirected = ask(router, target, method="POST")
    assert (redirected.status, redirected.headers["Location"]) == (308, location)


def test_no_redirect_leads_to_another_host() -> None:
    router = telling("/{x}/{y}/{rest...}")
    assert ask(router, "//evil.example/a").status == 404
    router = telling("/")
    assert text_of(ask(router, "//evil.example")) == "/ {}"


@pytest.mark.parametrize("count", [10, 1000])
def test_a_lookup_takes_as_many_steps_however_many_routes_there_are(count: int) -> None:
    router = telling(*(f"GET /r{number}/{{x}}/end{number}" for number in range(count)))
    target = f"/r{count - 1}/a/end{count - 1}"
    assert ask(router, target).status == 200
    assert steps_of(router, target) < 60


def steps_of(router: Router, target: str) -> int:
    """Return how many functions of ours are called to answer."""
    steps = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal steps
        steps += event == "call"

    sys.setprofile(count)
    try:
        ask(router, target)
    finally:
        sys.setprofile(None)
    return steps


def test_a_thousand_routes_are_registered_in_no_time() -> None:
    began = time.process_time()
    telling(*(f"GET /r{number}/{{x}}" for number in range(1000)))
    assert time.process_time() - began < 2


def test_a_router_is_a_handler_of_a_server() -> None:
    router = telling("GET /items/{id:int}")
    router.add("/object", lambda request: {"a": [1, "é"]})
    router.add("/nothing", lambda request: None)
    router.add("/response", lambda request: Response(b"x", 201))
    with serving(router) as server:
        peer = server.connect()
        assert peer.ask("/items/7").body == b"GET /items/{id:int} {'id': 7}"
        assert peer.ask("/object").body == '{"a": [1, "é"]}'.encode()
        assert peer.ask("/nothing").status == 204
        assert peer.ask("/response").status == 201
        assert peer.ask("/items/x").status == 404


def test_a_mount_is_led_to_even_where_another_pattern_takes_everything() -> None:
    router = Router()
    router.mount("/office", lambda request: "office")
    router.mount("/", lambda request: "everything")
    led = ask(router, "/office?a=b")
    assert (led.status, led.headers["location"]) == (308, "./office/?a=b")
    assert text_of(ask(router, "/office/")) == text_of(ask(router, "/office/x")) == "office"
    assert text_of(ask(router, "/of")) == text_of(ask(router, "/of/fice")) == "everything"
    router.add("/office", lambda request: "the office itself")
    assert text_of(ask(router, "/office")) == "the office itself"


@pytest.mark.parametrize("pattern", ["/", "/{$}", "/{path...}"])
def test_a_handler_of_everything_does_not_answer_for_the_server_as_a_whole(pattern: str) -> None:
    told = ask(telling(pattern, "GET /a"), "*", method="OPTIONS")
    assert (told.status, told.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


def test_what_cannot_be_called_is_no_handler() -> None:
    with pytest.raises(TypeError, match="Found None"):
        Router().add("/", None)  # type: ignore[arg-type]
