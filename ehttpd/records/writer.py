"""Writes lines to a target on a thread of its own, so that one that is slow or full stalls nobody.

The thread takes what has come since it last looked, and writes it in few calls. What the target does not take is held
up to a bound; beyond it lines are dropped, counted, and told of.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ehttpd.forks import tell_after_fork
from ehttpd.records.targets import Target

# How long lines may wait for others, in seconds. The first after a rest does not wait.
INTERVAL = 0.2
# So many octets do not wait for more: while they are few, they are in the processor's caches when they are written.
ENOUGH = 1 << 18
# How many octets are held for a target that does not take them.
MOST_HELD = 16 * 1024 * 1024


class Writer:
    """Writes to ``target``, which ``name`` says to the operator. Any thread may call everything here.

    ``tell`` is called with a sentence when lines are lost, once until they no longer are. The thread begins with the
    first line.
    """

    def __init__(self, target: Target, name: str, tell: Callable[[str], object]) -> None:
        self.dropped = 0  # how many lines were lost, ever
        self._target = target
        self._name = name
        self._tell = tell
        self.forsake()
        tell_after_fork(self)

    def forsake(self) -> None:
        """Begin with nothing, in this process: what is there is the parent's to write."""
        self._chunks: deque[bytes] = deque()  # lines with their ends, a few or many in each
        self._held = 0  # about how many octets: threads that meet here may miscount, until all is written
        self._rests = True  # the thread has nothing to do, and waits until it is wanted
        self._wanted = threading.Lock()
        self._wanted.acquire()
        self._writes = threading.Lock()  # who holds it may use the target
        self._guard = threading.Lock()  # of all below
        self._thread: threading.Thread | None = None
        self._reopens = self._closing = False
        self._flushed: list[threading.Event] = []
        self._untold = 0  # lines that were lost since the operator was told of it; 0: all is well

    def write(self, line: str) -> None:
        """Have a line written soon. It has no end of its own."""
        self._add(_octets(line))

    def write_all(self, lines: str) -> None:
        """As `write`, of lines that have their ends already."""
        self._add(lines.encode("utf-8", "backslashreplace"))

    def _add(self, chunk: bytes) -> None:
        if self._held > MOST_HELD:
            self._lose(chunk.count(b"\n"), "nobody takes the lines in time")
            return
        self._chunks.append(chunk)
        held = self._held
        self._held = held + len(chunk)
        if self._rests or held < ENOUGH <= held + len(chunk):
            self._wake()

    def write_now(self, line: str) -> None:
        """Write a line before this returns; soon, if others wait or the target is not ready."""
        chunk = _octets(line)
        if not self._writes.acquire(blocking=False):
            self._add(chunk)
            return
        try:
            if self._chunks or not self._target.takes(len(chunk)):
                self._add(chunk)
                return
            written, error = self._target.write([chunk])
        finally:
            self._writes.release()
        self._note([chunk], written, error)

    def reopen(self) -> None:
        """Have the target opened anew before the next line is written."""
        with self._guard:
            self._reopens = True
        self._wake()

    def flush(self, seconds: float) -> bool:
        """Wait until what was given has been written, or lost, for at most ``seconds``; tell whether it has."""
        flushed = threading.Event()
        with self._guard:
            self._flushed.append(flushed)
        self._wake()
        return flushed.wait(seconds)

    def close(self, seconds: float) -> bool:
        """As `flush`, and then let go of the target. Nothing may be written any more."""
        with self._guard:
            self._closing = True
        self._wake()
        thread = self._thread
        if thread is None:
            return self._end_alone()
        thread.join(seconds)
        if thread.is_alive():
            self._tell_of_rest()
        return not thread.is_alive()

    def _end_alone(self) -> bool:
        """Do what the thread would have done: there can be no more threads now."""
        if self._target.takes(self._held):
            self._write_all()
        if self._chunks:
            self._tell_of_rest()
            return False
        self._target.close()
        return True

    def _tell_of_rest(self) -> None:
        left = sum(chunk.count(b"\n") for chunk in list(self._chunks))
        self._tell(f"Nobody takes what is left for {self._name}: at least {left} lines are lost.")

    def _wake(self) -> None:
        self._rests = False
        with self._guard:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="ehttpd-log", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # there can be no more threads now
                    self._rests = True
                    return
                self._thread = thread
        try:
            self._wanted.release()
        except RuntimeError:  # it has been called already
            pass

    # The thread

    def _run(self) -> None:
        while True:
            with self._guard:
                reopens, self._reopens = self._reopens, False
                flushed, self._flushed = self._flushed, []
                closing = self._closing
            if reopens:
                self._reopen()
            busy = self._write_all()
            for each in flushed:
                each.set()
            if closing:
                self._target.close()
                return
            if busy:
                self._wanted.acquire(timeout=INTERVAL)
            else:
                self._rest()

    def _rest(self) -> None:
        self._rests = True
        if not self._chunks:  # whoever adds one from now on sees that the thread rests
            self._wanted.acquire()
        self._rests = False

    def _write_all(self) -> bool:
        """Write what there is; tell whether that was anything."""
        chunks = [self._chunks.popleft() for _ in range(len(self._chunks))]
        self._held = 0
        if chunks:
            with self._writes:
                written, error = self._target.write(chunks)
            self._note(chunks, written, error)
        return bool(chunks)

    def _reopen(self) -> None:
        with self._writes:
            try:
                self._target.reopen()
            except OSError as error:
                problem = error.strerror
            else:
                return
        self._tell(f"Cannot open {self._name} anew: {problem}. What was open is written to.")

    # What is lost

    def _note(self, chunks: Sequence[bytes], written: int, error: OSError | None) -> None:
        """Note how many octets of the lines that were given to the target it has taken."""
        if error is not None:
            self._lose(b"".join(chunks).count(b"\n", written), error.strerror or str(error))
            return
        with self._guard:
            untold, self._untold = self._untold, 0
        if untold:
            self._tell(f"{self._name[0].upper()}{self._name[1:]} can be written again; {untold} lines were lost.")

    def _lose(self, count: int, problem: str) -> None:
        with self._guard:
            first = not self._untold
            self._untold += count
            self.dropped += count
        if first and count:
            self._tell(f"Cannot write {self._name}: {problem}. Lines are lost until it can be written again.")


def _octets(lines: str) -> bytes:
    return f"{lines}\n".encode("utf-8", "backslashreplace")
