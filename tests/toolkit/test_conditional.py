"""Content for who has not got it already: by a tag made of it, or one that the handler gives."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ehttpd.messages import Handler, Request, Response
from ehttpd.toolkit.answers import Answer
from ehttpd.toolkit.compress import compress
from ehttpd.toolkit.conditional import conditional
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.pipeline import pipeline
from tests.server.live import serving
from tests.toolkit.asking import ask, text_of

FIELDS = {"ETag": '"v1"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Cache-Control": "max-age=60"}


def answering(answer: Callable[[], Answer]) -> Handler:
    return conditional()(lambda request: answer())


def test_content_gets_a_tag_of_its_own_and_is_sent_once() -> None:
    handler = answering(lambda: {"a": 1})
    first = ask(handler)
    assert (first.status, text_of(first)) == (200, '{"a": 1}')
    again = ask(handler, "/", f"If-None-Match: {first.headers['etag']}")
    assert (again.status, again.body, list(again.headers)) == (304, b"", [("ETag", first.headers["etag"])])
    assert ask(handler, "/", 'If-None-Match: "other"').body == first.body


def test_a_tag_is_that_of_this_content_and_of_its_type() -> None:
    answers: list[Answer] = ["a", "b", b"a", Response.html("a"), Response.json("a"), Response(b"")]
    tags = [ask(answering(lambda answer=answer: answer)).headers["etag"] for answer in answers]  # type: ignore[misc]
    assert len(set(tags)) == len(tags)
    assert ask(answering(lambda: "a")).headers["etag"] == tags[0]


def test_what_the_handler_says_identifies_it_stands() -> None:
    handler = answering(lambda: Response.text("hello", headers=FIELDS))
    assert ask(handler).headers["etag"] == '"v1"'
    early = ask(handler, "/", 'If-None-Match: W/"v1"')
    # RFC 9110 §15.4.5: what caches are told, they are told again.
    assert (early.status, list(early.headers)) == (304, [("ETag", '"v1"'), ("Cache-Control", "max-age=60")])


def test_a_client_that_wants_another_is_told_so_and_no_cache_keeps_that() -> None:
    handler = answering(lambda: Response.text("hello", headers=FIELDS))
    answer = ask(handler, "/", 'If-Match: "v0"', "Accept: text/plain")
    assert (answer.status, answer.body) == (412, b"Precondition Failed\n")
    assert answer.headers["etag"] == '"v1"'
    assert "cache-control" not in answer.headers


def test_a_date_is_enough() -> None:
    fields = {"Last-Modified": FIELDS["Last-Modified"]}
    handler = answering(lambda: Response.stream(iter([b"a"]), headers=fields))
    assert ask(handler, "/", f"If-Modified-Since: {FIELDS['Last-Modified']}").status == 304
    assert ask(handler, "/", "If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT").status == 200


def test_head_has_the_tag_of_get_unless_its_handler_has_left_the_content_out() -> None:
    handler = answering(lambda: "hello")
    assert ask(handler, method="HEAD").headers["etag"] == ask(handler).headers["etag"]
    assert "etag" not in ask(answering(lambda: Response(b"")), method="HEAD").headers
    assert ask(handler, "/", f"If-None-Match: {ask(handler).headers['etag']}", method="HEAD").status == 304


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_another_method_has_done_is_told_whatever_the_conditions_were(method: str) -> None:
    handler = answering(lambda: Response.text("done", headers=FIELDS))
    answer = ask(handler, "/", 'If-Match: "v0"', "If-None-Match: *", method=method)
    assert (answer.status, answer.body) == (200, b"done")
    assert "etag" not in ask(answering(lambda: "done"), method=method).headers


@pytest.mark.parametrize("status", [201, 301, 404, 500])
def test_an_answer_of_another_kind_stands_as_it_is(status: int) -> None:
    answer = ask(answering(lambda: Response.text("no", status)), "/", "If-None-Match: *", 'If-Match: "a"')
    assert (answer.status, answer.body, "etag" in answer.headers) == (status, b"no", False)


def test_a_part_is_no_reason_for_a_tag_but_has_conditions() -> None:
    handler = answering(lambda: Response.partial(b"content", 0, 1))
    assert "etag" not in ask(handler).headers
    handler = answering(lambda: Response.partial(b"content", 0, 1, headers=FIELDS))
    assert ask(handler, "/", 'If-None-Match: "v1"').status == 304


class Pieces:
    """A body that tells whether it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"a"

    def close(self) -> None:
        self.closed = True


def test_a_stream_has_no_tag_and_one_that_nobody_wants_is_closed() -> None:
    pieces = Pieces()
    handler = answering(lambda: Response.stream(pieces))
    assert "etag" not in ask(handler).headers
    assert (ask(handler, "/", 'If-None-Match: "a"').status, pieces.closed) == (200, False)
    assert (ask(handler, "/", "If-None-Match: *").status, pieces.closed) == (304, True)


def test_it_works_on_either_side_of_compress() -> None:
    for middlewares in ((compress(0), conditional()), (conditional(), compress(0))):
        handler = pipeline(lambda request: "hello " * 1000, *middlewares)
        first = ask(handler, "/", "Accept-Encoding: gzip")
        assert first.headers["content-encoding"] == "gzip"
        again = ask(handler, "/", "Accept-Encoding: gzip", f"If-None-Match: {first.headers['etag']}")
        assert (again.status, again.headers["etag"]) == (304, first.headers["etag"])
        assert again.headers["vary"] == "Accept-Encoding"


def test_a_file_knows_already(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text("page")
    handler = conditional()(lambda request: Response.file(path, request=request))
    first = ask(handler)
    assert text_of(first) == "page"
    first.body.close()  # type: ignore[union-attr]
    assert ask(handler, "/", f"If-None-Match: {first.headers['etag']}").status == 304


def changing(exists: bool = True) -> tuple[Handler, list[str]]:
    """Return a handler that changes something, and what it has done."""
    done: list[str] = []

    def handler(request: Request) -> str:
        request.evaluate_preconditions(FIELDS if exists else None)
        done.append(request.method)
        return "done"

    return pipeline(handler), done


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize(
    ("field", "status"),
    [
        ('If-Match: "v1"', 200), ('If-Match: "v0", "v1"', 200), ("If-Match: *", 200), ('If-Match: "v0"', 412),
        ('If-Match: W/"v1"', 412), ("If-None-Match: *", 412), ('If-None-Match: "v0"', 200),
        ("If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT", 412),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200), ("X-A: 1", 200),
    ],
)  # fmt: skip
def test_a_change_is_made_only_if_the_conditions_hold(method: str, field: str, status: int) -> None:
    handler, done = changing()
    answer = ask(handler, "/", field, method=method)
    assert (answer.status, done) == (status, [method] if status == 200 else [])
    assert status == 200 or answer.headers["etag"] == '"v1"'


@pytest.mark.parametrize(
    ("field", "status"), [("If-Match: *", 412), ('If-Match: "v1"', 412), ("If-None-Match: *", 200), ("X-A: 1", 200)]
)
def test_what_is_not_there_matches_nothing_not_even_anything(field: str, status: int) -> None:
    handler, _ = changing(exists=False)
    assert ask(handler, "/", field, method="PUT").status == status


def test_a_handler_that_asks_first_need_not_make_what_a_client_has() -> None:
    handler, done = changing()
    answer = ask(handler, "/", 'If-None-Match: "v1"')
    assert (answer.status, done) == (304, [])
    assert list(answer.headers) == [("ETag", '"v1"'), ("Cache-Control", "max-age=60")]


def test_an_error_of_the_handler_is_no_content() -> None:
    def handler(request: Request) -> str:
        raise HTTPError(404)

    assert ask(conditional()(handler), "/", "If-None-Match: *").status == 404


def test_curl_fetches_what_has_changed_only(tmp_path: Path) -> None:
    text = ["one"]

    def handler(request: Request) -> str:
        return text[0]

    with serving(pipeline(handler, conditional())) as server:

        def fetched() -> str:
            command = [
                "curl", "--silent", "--etag-compare", str(tmp_path / "tag"), "--etag-save", str(tmp_path / "tag"),
                "--write-out", " %{http_code}", f"http://127.0.0.1:{server.port}/",
            ]  # fmt: skip
            return subprocess.run(command, capture_output=True, check=True, text=True, timeout=20).stdout

        assert [fetched(), fetched()] == ["one 200", " 304"]
        text[0] = "two"
        assert [fetched(), fetched()] == ["two 200", " 304"]
