"""The list of metrics in docs/figures.md, made from their table: ``python -m ehttpd.admin.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ehttpd.admin.metrics import METRICS


def reference() -> str:
    """Return the list, in Markdown."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield "| metric | kind | labels | what it tells |"
    yield "| --- | --- | --- | --- |"
    for metric in METRICS:
        labels = ", ".join(f"`{name}`" for name in metric.label_names)
        yield f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.help} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
