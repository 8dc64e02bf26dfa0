"""What a client prefers, of what there is."""

from __future__ import annotations

import pytest

from ehttpd.errors import HandlerError
from ehttpd.toolkit.negotiation import best_coding, best_type
from tests.toolkit.asking import asked

JSON, HTML, TEXT = "application/json", "text/html", "text/plain"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("field", "offered", "best"),
    [
        ("*/*", (JSON, HTML), JSON),
        ("", (JSON, HTML), JSON),
        (BROWSER, (JSON, HTML), HTML),
        (BROWSER, (JSON, TEXT), JSON),
        ("application/json", (HTML, JSON), JSON),
        ("image/png", (HTML, JSON), None),
        ("text/*", (JSON, TEXT), TEXT),
        ("text/*;q=0.5, text/html;q=0.2", (HTML, TEXT), TEXT),
        ("*/*, text/html;q=0", (HTML,), None),
        ("text/html;q=0.3, text/html;level=1", (HTML, "text/html;level=1"), "text/html;level=1"),
        ("text/html;level=2", (HTML,), None),
        ('text/html;a="x,y;q=0"', ('text/html;a="x,y;q=0"',), 'text/html;a="x,y;q=0"'),
        ("TEXT/HTML;Q=0.5", (JSON, HTML), HTML),
        # RFC 9110 §12.5.1: q is the weight wherever it stands; §5.6.4: a quoted pair stands for its second octet.
        ("text/html;q=0.5;level=1", (HTML,), None),
        ("text/html;q=0.1;level=1, text/html;q=0.5", ("text/html;level=1", HTML), HTML),
        ('text/html;a="\\"b"', (r'text/html;a="\"\b"',), r'text/html;a="\"\b"'),
        ("text/html ; q=0.5 , application/json", (HTML, JSON), JSON),
        # RFC 9110 §12.5.1, the example.
        ("text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5",
         (HTML, TEXT, "text/plain;format=flowed", "image/jpeg"), "text/plain;format=flowed"),
        # Members that are none leave the others alone.
        ("text/html;q=2, application/json;q=0.1", (HTML, JSON), JSON),
        ("/, ;q=1, text, application/json", (HTML, JSON), JSON),
        ('"', (JSON,), None),
        ('text/plain, text/html;a="b, application/json', (JSON, HTML, TEXT), TEXT),
    ],
)  # fmt: skip
def test_the_best_type_is_the_one_with_the_most_weight(field: str, offered: tuple[str, ...], best: str | None) -> None:
    assert best_type(field, offered) == best
    assert asked("/", f"Accept: {field}").accepts(*offered) == best


def test_quotes_that_nobody_closes_are_looked_at_once() -> None:
    assert best_type('"\\' * 1_000_000, (JSON,)) is None


def test_a_client_that_says_nothing_takes_everything() -> None:
    assert asked("/").accepts(HTML, JSON) == HTML
    assert asked("/").accepts() is None


@pytest.mark.parametrize(
    ("field", "best"),
    [
        (None, None),
        ("", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("x-unknown", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.1", "gzip"),
    ],
)
def test_the_best_coding_is_one_that_was_asked_for(field: str | None, best: str | None) -> None:
    assert best_coding(field, ("br", "gzip")) == best
    assert best_coding(field, ()) is None


@pytest.mark.parametrize("offered", ["json", "not a type", "", "*"])
def test_what_is_no_media_type_cannot_be_offered(offered: str) -> None:
    with pytest.raises(HandlerError, match="A media type is a type, a slash and a subtype"):
        best_type("text/html", [offered])
