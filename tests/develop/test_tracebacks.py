"""An exception as a page: what is shown, what is folded, what is kept back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ehttpd.develop.tracebacks import page_of


def raised(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # any will do
        call()
    return page_of(caught.value, "GET /", 7)


def test_the_line_stands_among_its_neighbours_and_everything_is_escaped() -> None:
    def call() -> None:
        tag = "<script>alert(1)</script>"
        raise ValueError(tag)

    page = raised(call)
    assert "<h1>ValueError: &lt;script&gt;alert(1)&lt;/script&gt;</h1>" in page
    assert "raise ValueError(tag)</span>" in page
    assert '<span class=at><i>' in page
    assert "<script>alert" not in page


def test_variables_are_folded_and_secrets_are_not_shown() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    def call() -> None:
        number, password, broken, long = 41, "hunter2", Broken(), "x" * 1000  # noqa: F841
        environ = {"HTTP_AUTHORIZATION": "Basic abc"}  # noqa: F841
        raise ValueError

    page = raised(call)
    assert '<details class="values"><summary>variables</summary>' in page
    assert "<td>number</td><td>41</td>" in page
    assert "hunter2</td>" not in page
    assert "Basic abc&#x27;}</td>" not in page
    assert "(its repr raised RuntimeError)" in page
    assert "(1002 characters)" in page


def test_installed_code_is_folded() -> None:
    page = raised(lambda: json.loads("{"))
    assert '<details class="foreign"><summary>3 frames of installed code</summary>' in page
    assert page.index('class="foreign"') < page.index("json.loads(")


def test_how_an_exception_came_about_is_told() -> None:
    def call() -> None:
        try:
            raise KeyError("cause")
        except KeyError as error:
            raise ValueError("effect") from error

    assert "It was raised because of: KeyError: &#x27;cause&#x27;" in raised(call)


def test_a_message_of_several_lines_is_shown_whole_and_notes_beneath() -> None:
    def call() -> None:
        error = ValueError("no such column\n  at: pirce")
        error.add_note("Did you mean price?")
        raise error

    page = raised(call)
    assert "<h1>ValueError: no such column\n  at: pirce</h1>" in page
    assert '<p class="note">Did you mean price?</p>' in page


def test_a_recursion_without_end_is_cut() -> None:
    def call() -> None:
        call()

    assert raised(call).count("<article>") <= 61


def test_an_error_of_syntax_has_its_place() -> None:
    page = raised(lambda: compile("x = (\n", __file__, "exec"))
    assert "SyntaxError" in page
    assert "test_tracebacks.py:1</code>" in page
