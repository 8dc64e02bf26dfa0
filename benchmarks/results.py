"""All figures of a run, what they come to, and the file that keeps them.

Does not know how they were measured, nor how they are shown.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from measure import Measurement

BASELINE = "ehttpd"

# One measurement per round; None where the server failed, so that the rounds of two servers stay side by side.
Rounds: TypeAlias = list[Measurement | None]


@dataclass(frozen=True)
class Summary:
    """What the rounds of one server in one scenario come to: medians, but for ``least``, ``most`` and ``errors``.

    ``baseline_ratio``: how many times as fast as this server the baseline is, by the median of the rounds' ratios.
    """

    server: str
    rate: float
    least: float
    most: float
    p99_ms: float | None
    cpu_us: float
    memory_mib: float
    errors: int
    baseline_ratio: float | None
    beside_rate: float | None


@dataclass
class Results:
    """``figures``: scenario, then server, then its rounds. ``facts``, ``versions``: what a reader must know."""

    facts: dict[str, str]
    versions: dict[str, str]
    pinned: bool
    rounds: int
    seconds: int
    figures: dict[str, dict[str, Rounds]] = field(default_factory=dict)

    def summaries(self, scenario: str) -> list[Summary]:
        """Return a summary per server that answered, in the order in which they were measured."""
        rounds = self.figures[scenario]
        return [
            summarise(server, figures, rounds.get(BASELINE, []))
            for server, figures in rounds.items()
            if any(figure is not None for figure in figures)
        ]

    def servers(self) -> list[str]:
        return list(dict.fromkeys(server for rounds in self.figures.values() for server in rounds))

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Results:
        kept = json.loads(file.read_text())
        for rounds in kept["figures"].values():
            for server, figures in rounds.items():
                rounds[server] = [Measurement(**figure) if figure else None for figure in figures]
        return cls(**kept)


def summarise(server: str, rounds: Rounds, baseline: Rounds) -> Summary:
    figures = [figure for figure in rounds if figure is not None]
    rates = [figure.rate for figure in figures]
    ratios = [ours.rate / its.rate for ours, its in zip(baseline, rounds, strict=False) if ours and its and its.rate]
    return Summary(
        server=server,
        rate=statistics.median(rates),
        least=min(rates),
        most=max(rates),
        p99_ms=median(figure.p99_ms for figure in figures),
        cpu_us=statistics.median(figure.cpu_us for figure in figures),
        memory_mib=statistics.median(figure.memory_mib for figure in figures),
        errors=sum(figure.errors for figure in figures),
        baseline_ratio=median(ratios) if server != BASELINE else None,
        beside_rate=median(figure.beside_rate for figure in figures),
    )


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of those that are known, None if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
