"""JSON: what is written is what `json.dumps` writes."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ehttpd.toolkit import json_encoding
from ehttpd.toolkit.json_encoding import encode_json
from ehttpd.toolkit.query import Query

SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(codec="utf-8"))
)
VALUES = some.recursive(SCALARS, lambda inner: some.lists(inner) | some.dictionaries(some.text(max_size=5), inner))


@given(VALUES)
def test_it_is_what_the_standard_library_writes(value: Any) -> None:
    assert encode_json(value) == json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def test_it_is_the_same_where_python_has_no_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    monkeypatch.setattr(json_encoding, "_encode", json_encoding._maker())
    assert encode_json({"é": [1, None, {"a": 1.5}], 7: ()}) == '{"é": [1, null, {"a": 1.5}], "7": []}'.encode()


@pytest.mark.parametrize("value", [object(), b"octets", {"a": {1}}, {(1,): 2}])
def test_what_is_no_json_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_json(value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_has_not_are_errors(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_json([value])


def test_a_value_that_contains_itself_is_an_error() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(RecursionError):
        encode_json(value)


def test_any_mapping_is_an_object() -> None:
    assert encode_json(MappingProxyType({"a": MappingProxyType({})})) == b'{"a": {}}'
    assert encode_json({"found": Query([("a", "1"), ("b", "")])}) == b'{"found": {"a": "1", "b": ""}}'
