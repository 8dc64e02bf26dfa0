"""The page about HTTP says what the corpus says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.http11.corpus import Case
from tests.http11.page import code, octets, page, tables

PAGE = Path(__file__).parent.parent.parent / "docs" / "http.md"


def test_the_page_in_docs_is_the_one_made_from_the_corpus() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.http11.page > docs/http.md"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a", "`a`"),
        ("a`b", "`` a`b ``"),
        (" a", "``  a ``"),
        ("a|b", "`a\\|b`"),
        ("a\r\n", "`a\\r\\n`"),
        ("b" + "a" * 200, "`b<200 times a>`"),
    ],
)
def test_octets_are_code_in_a_table(text: str, shown: str) -> None:
    assert code(text) == shown


def test_the_usual_opening_is_shown_in_short() -> None:
    usual = ["GET / HTTP/1.1\\r\\n", "Host: a\\r\\n"]
    assert octets([*usual, "X: y\\r\\n", "\\r\\n"]) == "GET … `X: y\\r\\n\\r\\n`"
    assert octets(usual[1:]) == "`Host: a\\r\\n`"


def test_cases_that_get_the_same_sentence_share_a_table() -> None:
    def case(name: str, answer: str) -> Case:
        return Case(name, 400, "RFC 9110 §8.6", "why", [("answers", answer)], [name], b"")

    lines = list(tables([case("a-b", "No. Found 1."), case("c", "Never."), case("d", "No. Found 2.")]))
    assert [line for line in lines if line.startswith("**")] == [
        "**Refused, 400:** No.\n",
        "**Refused, 400:** Never.\n",
    ]
    assert "| [a b](../tests/corpus/refused/a-b.http) | `a-b` | why | `1` |" in lines
