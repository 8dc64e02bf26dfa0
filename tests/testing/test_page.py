"""docs/testing.md: its blocks for pytest are run by pytest; tests/test_docs.py runs the others."""

from __future__ import annotations

import pytest

from tests.test_docs import ROOT, Block, blocks

pytest_plugins = ("pytester",)

PAGE = ROOT / "docs" / "testing.md"
BLOCKS = [block for block in blocks("py") if block.page == PAGE]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_an_example_for_pytest_passes(block: Block, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("no_proxy", "*")
    pytester.makepyfile(block.text)
    run = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "ehttpd.testing.plugin", "--strict-markers")
    run.assert_outcomes(passed=1)
