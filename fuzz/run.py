"""Fuzzes: ``python -m fuzz.run --seconds 60 reader chunks`` runs these targets one after the other, none named all.

Each run begins with the corpus of the tests and what earlier runs have kept; it keeps the few inputs that reach what
those do not, and notes in RUNS.md what was run. An input that breaks a promise ends the run and is kept in findings/: a
test of the suite calls it ever after.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ehttpd.proxies.protocol import SIGNATURE
from fuzz.targets import TARGETS
from tests.http11.corpus import load_all
from tests.http11.reading import request

HERE = Path(__file__).parent
CORPUS, FINDINGS, RUNS = HERE / "corpus", HERE / "findings", HERE / "RUNS.md"
LONGEST = 2048  # Octets of an input. What is longer takes more time than it tells.
PATIENCE = 60  # Seconds for one input, on a machine that may have other work to do.
# What a persistent connection sends: the same fields again and again, with values that vary.
SIMILAR = b"".join(request(f"Cookie: {number}", "Accept: */*", f"X: {number}") for number in range(4))
SEEDS = {
    "forwarded": [
        b"\0X-Forwarded-For: 6.6.6.6, 203.0.113.9:4711, 10.1.1.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: shop:8",
        b"\0X-Forwarded-For: 203.0.113.9\n\nX-Forwarded-For: 2001:db8::1\n\nX-Forwarded-For: [2001:db8::1]:80, unix:",
        b'\0Forwarded: for="[2001:db8::1]:4711";proto=https;host=shop.example;by=_me, for=unknown, for=10.1.1.1',
        b"\0X-Forwarded-Port: 8443\nX-Forwarded-Prefix: /shop/%7Euser/\nX-Forwarded-Ssl: on\nForwarded: for=_hidden",
        b"\3X-Forwarded-Proto: wss\nForwarded: proto=https, for=1.1.1.1\n\nX-Forwarded-Host: [::1]:80\nCookie: a=b",
        b"\0X-Forwarded-Prefix: /%2Fevil.example\n\nX-Forwarded-Prefix: /a%5C",
        b"\2X-Forwarded-For: 6.6.6.6\nX-Forwarded-User: root\n\nForwarded: host=evil\n\nAccept: */*",
    ],
    "proxy_protocol": [
        b"\0\0PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n",
        b"\1\0PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n",
        b"\2\0PROXY UNKNOWN whatever comes here\r\n",
        b"\0\0" + SIGNATURE + b"\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\2\1\x12\x67\1\xbb",
        b"\5\0" + SIGNATURE + b"\x20\0\0\0",
        b"\0\0" + SIGNATURE + b"\x21\0\0\x15\1\0\2h2\x20\0\x0d\1\0\0\0\0\x21\0\5TLSv1",
        b"\0\0" + SIGNATURE + b"\x21\x31\0\xd8" + bytes(108) + b"/run/server".ljust(108, b"\0"),
    ],
}
EXECUTED = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)
RUN = re.compile(r"^\| [\d-]+ \| \S+ \| \w+ \| [\d,]+ \| ([\d,]+) \| \d+ \|$", re.MULTILINE)
TOTAL = re.compile(r"^In all: .*$", re.MULTILINE)


def seeds(target: str) -> dict[str, bytes]:
    """Return the inputs that the corpus of the tests gives, by name."""
    cases = [case for folder in ("accepted", "refused") for case in load_all(folder) if len(case.stream) < LONGEST]
    if target == "reader":
        return {case.name: b"\0" + case.stream for case in cases} | {"similar-requests": b"\0" + SIMILAR}
    if target == "chunks":
        heads = {case.name: case.stream.partition(b"\r\n\r\n") for case in cases}
        return {name: b"\0" + body for name, (head, _, body) in heads.items() if head.endswith(b": chunked")}
    return {f"seed-{number}": seed for number, seed in enumerate(SEEDS.get(target, []))}


def fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target for so long; keep what it found. Tell whether every promise was kept."""
    saved, findings = CORPUS / target, FINDINGS / target
    for folder in (saved, findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    with TemporaryDirectory() as place:
        known, new = Path(place) / "known", Path(place) / "new"
        write(known, seeds(target).items())
        new.mkdir()
        ran = engine(
            target,
            *(new, saved, known),
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-print_final_stats=1"),
            *(f"-timeout={PATIENCE}", f"-report_slow_units={PATIENCE}", f"-artifact_prefix={findings}/"),
        )
        # Merging adds to the first folder what reaches more than all in it do.
        engine(target, "-merge=1", known, saved, new)
        kept = [file for file in known.iterdir() if file.name not in seeds(target)]
        shutil.rmtree(saved)
        write(saved, ((file.name, file.read_bytes()) for file in kept))
    executed = EXECUTED.search(ran)
    found = set(findings.iterdir()) - before
    note(target, seconds, int(executed[1]) if executed else 0, len(found))
    print(f"{target}: {executed[1] if executed else 0} inputs, {len(kept)} kept, {len(found)} findings", flush=True)
    if found:
        print(ran[-2000:])
    return not found


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    folder.mkdir()
    for name, data in files:
        (folder / name).write_bytes(data)


def engine(target: str, *options: Path | str) -> str:
    """Run the engine to its end; return what it said."""
    command = [sys.executable, "-m", "fuzz.engine", target, *map(str, options)]
    ran = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return ran.stdout.decode("utf-8", "replace")


def note(target: str, seconds: int, inputs: int, findings: int) -> None:
    """Add a run to RUNS.md, and make its total anew."""
    day = datetime.now(UTC).date()
    text = RUNS.read_text("utf-8") + f"| {day} | {commit()} | {target} | {seconds} | {inputs:,} | {findings} |\n"
    RUNS.write_text(TOTAL.sub(total(text), text), "utf-8")


def commit() -> str:
    """Return the name of the commit that is fuzzed; with an addition if the code differs from it."""
    name = git("describe", "--always") or "unknown"
    return f"{name}-dirty" if git("status", "--porcelain", "../ehttpd", "*.py") else name


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()


def total(text: str) -> str:
    """Return the line that sums up all runs of a page."""
    counts = [int(inputs.replace(",", "")) for inputs in RUN.findall(text)]
    return f"In all: {sum(counts):,} inputs in {len(counts)} runs."


def main() -> None:
    """Exit with 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Fuzz ehttpd, guided by coverage.")
    parser.add_argument("target", nargs="*", help=f"one or more of: {', '.join(TARGETS)}; all, if none is given")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    arguments = parser.parse_args()
    unknown = set(arguments.target) - set(TARGETS)
    if unknown:
        parser.error(f"unknown target: {', '.join(sorted(unknown))}")
    kept = [fuzz(target, arguments.seconds) for target in arguments.target or TARGETS]
    sys.exit(not all(kept))


if __name__ == "__main__":
    main()
