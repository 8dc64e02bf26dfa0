"""A program that others have written for such logs reads the combined format, whatever clients send."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ehttpd.records.formats import format_of
from tests.records.test_formats import MEAN, record_of


@pytest.mark.skipif(shutil.which("goaccess") is None, reason="goaccess is not installed")
def test_goaccess_reads_every_line(tmp_path: Path) -> None:
    line = format_of("combined")
    agents = ["curl/8.5.0", MEAN, '"', "\\", ""]
    lines = [line(record_of(("User-Agent", agent), ("Referer", agent), target="/a b\"c")) for agent in agents]
    log, report = tmp_path / "access.log", tmp_path / "report.json"
    log.write_text("".join(f"{each}\n" for each in lines))
    command = ["goaccess", str(log), "--log-format=COMBINED", "-o", str(report), "--no-global-config"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    told = json.loads(report.read_text())["general"]
    assert (told["valid_requests"], told["failed_requests"]) == (len(agents), 0)
