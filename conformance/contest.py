"""Every case with every server: starts them, asks, and starts anew whoever does not serve any more.

Knows the benchmarks' servers and how they are started; not what a case is about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

from processes import ServerFailed
from progress import Progress
from servers import SERVERS, Server, home_of, serving

from conformance.case import FOLLOWING, Case, Group
from conformance.cases import GROUPS
from conformance.conversation import Conversation
from conformance.results import Judged
from conformance.verdict import NEXT, Grade, Verdict

APPLICATION = "conformance.application:application"
THREADS = 16
AT_A_TIME = 24  # servers
PATIENCE = 1.0  # seconds
LONGER_PATIENCE = 2.0  # for a second look at whoever seemed silent: the machine may have been busy

GUNICORN_SYNC = "{bin}/gunicorn -k sync -w 1 -b 127.0.0.1:{port} --log-level critical {application}"
NAMES = ("ehttpd", "gunicorn", "waitress", "cheroot", "granian", "bjoern", "uwsgi")
CONTESTANTS = {name: SERVERS[name] for name in NAMES}
CONTESTANTS |= {"gunicorn sync": replace(SERVERS["gunicorn"], name="gunicorn sync", command=GUNICORN_SYNC)}


def hold(names: list[str], peers: Path) -> tuple[list[str], list[Judged]]:
    """Return the servers that took part, and every case with its verdicts.

    Each group is held with a server of its own, several at a time: nearly all the time is spent waiting.
    """
    judged = {group.title: [Judged(group.title, case.name, case.section) for case in group.cases] for group in GROUPS}
    homes = {name: home_of(CONTESTANTS[name], peers) for name in names}
    progress = Progress(len(names) * len(GROUPS))

    def attend(name: str, group: Group) -> str | None:
        progress.step(f"{name}: {group.title}")
        try:
            verdicts = list(ask_all(CONTESTANTS[name], homes[name], group.cases))
        except ServerFailed as failure:
            progress.note(f"{name} sits out: {failure}")
            return name
        for entry, verdict in zip(judged[group.title], verdicts, strict=True):
            entry.enter(name, verdict)
        return None

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        missing = set(threads.map(attend, *zip(*product(names, GROUPS), strict=True)))
    progress.clear()
    return [name for name in names if name not in missing], [case for cases in judged.values() for case in cases]


def ask_all(server: Server, home: Path, cases: Iterable[Case]) -> Iterator[Verdict]:
    """Yield the verdict of each case, in order; after one that failed, make sure that the server still serves.

    Raises:
        ServerFailed: it does not start.
    """
    waiting = deque(cases)
    while waiting:
        with serving(server, home, application=APPLICATION, threads=THREADS) as (_, port):
            serves = True
            while waiting and serves:
                case = waiting.popleft()
                verdict = attempt(case, port)
                yield verdict
                serves = verdict.grade is Grade.PASS or still_serves(port)


def attempt(case: Case, port: int) -> Verdict:
    """Judge the case; whoever does not pass gets a second chance, with more patience."""
    verdict = Verdict(Grade.FAIL, "The server does not accept connections any more.")
    for patience in (PATIENCE, LONGER_PATIENCE):
        with suppress(OSError):
            verdict = case.judged(port, patience)
        if verdict.grade is Grade.PASS:
            break
    return verdict


def still_serves(port: int) -> bool:
    with suppress(OSError), Conversation(port, LONGER_PATIENCE) as conversation:
        return conversation.send(FOLLOWING).receive(1).paths == [NEXT]
    return False
