"""The end of a name tells what is in a file."""

from __future__ import annotations

import re

import pytest

from ehttpd.toolkit.media_types import TYPES, type_of


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("A.B.CSS", "text/css; charset=utf-8"),
        ("x.woff2", "font/woff2"),
        ("x.tar.gz", "application/gzip"),
        ("x.svg", "image/svg+xml"),
        ("x.unknown", "application/octet-stream"),
        ("html", "text/html; charset=utf-8"),
        ("", "application/octet-stream"),
    ],
)
def test_a_name_has_a_type(name: str, media_type: str) -> None:
    assert type_of(name) == media_type


def test_every_type_is_one() -> None:
    assert [each for each in TYPES.values() if not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?", each)] == []
    assert [end for end in TYPES if not re.fullmatch("[a-z0-9]+", end)] == []
