"""Every verdict of a run, and the file that keeps them. Does not know how they came about, nor how they are shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conformance.verdict import Grade, Verdict

FILE = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Judged:
    """One case, as it was judged with each server that took part: its grade, and the reason unless it passed."""

    group: str
    name: str
    section: str
    grades: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def enter(self, server: str, verdict: Verdict) -> None:
        self.grades[server] = verdict.grade.value
        if verdict.reason:
            self.reasons[server] = verdict.reason


@dataclass
class Results:
    """``facts``, ``versions``: what a reader must know to weigh the verdicts."""

    facts: dict[str, str]
    versions: dict[str, str]
    servers: list[str]
    cases: list[Judged]

    def count(self, server: str, group: str | None = None) -> Counter[str]:
        """Return how often the server got each grade, in one group or in all."""
        return Counter(case.grades[server] for case in self.cases if group in (None, case.group))

    def groups(self) -> list[str]:
        return list(dict.fromkeys(case.group for case in self.cases))

    def without_passes(self, group: str) -> Iterator[Judged]:
        """Yield the cases of a group in which some server failed or was warned."""
        for case in self.cases:
            if case.group == group and any(grade != Grade.PASS.value for grade in case.grades.values()):
                yield case

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, file: Path) -> Results:
        kept = json.loads(file.read_text("utf-8"))
        kept["cases"] = [Judged(**case) for case in kept["cases"]]
        return cls(**kept)
