"""Slow clients of other people's making: the attacks of slowhttptest, all at once."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hostile.siege import Victim, scaled

PROGRAM = shutil.which("slowhttptest")
CONNECTIONS, SECONDS = scaled((200, 2), (2000, 60))
# Seconds that its probe waits before it says that the service is not available; 5 where nobody says. In full size 6,000
# connections come within three seconds: a newcomer may wait behind them in the kernel for one, and for a turn of its
# own as long again where four processes share two processors. How prompt others are served is for the witness to judge.
PROBE = scaled(1, 3)
# Slow heads, slow bodies, slow readers.
ATTACKS = {"-H": "/", "-B": "/", "-X": "/file"}


def started(victim: Victim, attack: str, target: str, report: Path) -> subprocess.Popen[bytes]:
    assert PROGRAM is not None
    how_many = ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", str(SECONDS)]
    slowly = ["-i", "1", "-w", "1", "-y", "512", "-p", str(PROBE)]
    command = [PROGRAM, attack, *how_many, *slowly, "-u", victim.url + target, "-g", "-o", str(report)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(PROGRAM is None, reason="needs slowhttptest, a program of that package of Debian")
@pytest.mark.timeout(300)
def test_the_server_is_available_all_the_time(victim: Victim, tmp_path: Path) -> None:
    reports = {attack: tmp_path / attack for attack in ATTACKS}
    with victim.besieged():
        running = [started(victim, attack, target, reports[attack]) for attack, target in ATTACKS.items()]
        assert [process.wait() for process in running] == [0] * len(ATTACKS)
    for attack, report in reports.items():
        seconds = list(csv.DictReader(report.with_suffix(".csv").read_text().splitlines()))
        assert seconds, f"{attack} reported nothing"
        assert all(int(second["Service Available"]) for second in seconds), f"{attack}: {seconds}"
