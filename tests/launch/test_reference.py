"""The page of settings says what the table says."""

from __future__ import annotations

from pathlib import Path

from ehttpd.launch.reference import reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "settings.md"


def test_the_page_in_docs_is_the_one_made_from_the_table() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m ehttpd.launch.reference > docs/settings.md"
