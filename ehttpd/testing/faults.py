"""What can go wrong on the wire, at a stage and after a number of octets of the test author's choice.

Values only: they say what is to happen. delivery.py does it to responses, connection.py to what comes before them.

    reset(at="response-body", after=3)    truncate(5)    latency(uniform(0.1, 0.3), p=0.2, seed=1)    no_answer(nth=2)
"""

from __future__ import annotations

import enum
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, TypeAlias

from ehttpd.fields import FieldLines, Headers
from ehttpd.http11.encoding import encode_chunk
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import interim
from ehttpd.messages import Request, Response

BEFORE_A_REQUEST = ("accept", "tls", "between-requests")
WITHIN_A_REQUEST = ("request-head", "request-body")
IN_A_RESPONSE = ("response-head", "response-body", "response-end")
STAGES = (*BEFORE_A_REQUEST, *WITHIN_A_REQUEST, *IN_A_RESPONSE)

# Seconds, or what draws them.
Duration: TypeAlias = "float | Callable[[Random], float]"


class Ending(enum.Enum):
    """How a connection ends on purpose."""

    RESET = "reset"
    CLOSE = "close"
    STALL = "stall"


class Interruption(NamedTuple):
    """What happens before there is a response: octets, an ending or none, and a pause in seconds."""

    octets: bytes = b""
    ending: Ending | None = None
    pause: float = 0.0


# What a response that goes wrong consists of: octets, pauses in seconds, and an ending if it is to have one.
Script: TypeAlias = "Iterator[bytes | float | Ending]"


class Transmission:
    """A response that is about to be sent: ``head`` and ``body`` as octets, ``data`` as the body is meant."""

    def __init__(self, request: Request, response: Response, data: bytes, *, streams: bool, persistent: bool) -> None:
        self._request = request
        self._response = response
        self._streams = streams
        self._persistent = persistent
        self.data = data
        self.head, self.body = self.framed(chunked=streams)
        self.whole = self.head + self.body

    def framed(self, *, chunked: bool) -> tuple[bytes, bytes]:
        """Return head and body with the framing that is asked for."""
        response = Response(self.data, self._response.status, self._response.headers)
        if chunked:
            response.headers.remove("Content-Length")
            response.body = [self.data]
            response.trailers = self._response.trailers
        octets = serialize(response, self._request, persistent=self._persistent)
        head, separator, body = octets.partition(b"\r\n\r\n")
        return head + separator, body


class Fault:
    """Something that goes wrong, every time, or with probability ``p``, or the ``nth`` time only, counted from 1.

    ``at`` is a stage, one of those where it makes sense, ``after`` so many octets of it. ``seed`` makes whatever is
    random repeat itself. ``ends``: nothing comes after it on the connection. Any thread.

    Raises:
        ValueError: it cannot happen at this stage, or a number makes no sense.
    """

    ends = True

    def __init__(
        self,
        name: str,
        stages: Sequence[str] = STAGES,
        *,
        at: str = "response-head",
        after: int = 0,
        p: float = 1.0,
        seed: int | None = None,
        nth: int | None = None,
    ) -> None:
        if at not in STAGES:
            raise ValueError(f"There is no stage {at!r}. Stages are: {', '.join(STAGES)}.")
        if at not in stages:
            raise ValueError(f"{name} makes no sense at {at!r}. It may be at: {', '.join(stages)}.")
        if not 0 <= p <= 1 or after < 0 or (nth is not None and nth < 1):
            raise ValueError("p lies between 0 and 1, after is 0 or more, and nth counts from 1.")
        self.name = name
        self.at = at
        self.after = after
        self.random = Random(seed)
        self._probability = p
        self._nth = nth
        self._chances = 0
        self._lock = threading.Lock()

    def strikes(self) -> bool:
        """Tell whether it happens this time. To be asked once for each chance it has."""
        with self._lock:
            self._chances += 1
            if self._nth is not None and self._chances != self._nth:
                return False
            return self._probability >= 1 or self.random.random() < self._probability

    def interruption(self) -> Interruption:
        """Return what happens before there is a response."""
        raise NotImplementedError

    @property
    def needed(self) -> int | None:
        """How many octets of the body have to be known before it begins; None: all."""
        return None

    def script(self, response: Transmission) -> Script:
        """Yield what is sent in the place of a response."""
        raise NotImplementedError

    def begins(self, response: Transmission) -> int:
        """Return how many octets of a response are sent as they should be."""
        begins = {"response-head": 0, "response-body": len(response.head), "response-end": len(response.whole)}
        return min(begins[self.at] + self.after, len(response.whole)) if self.at in begins else 0

    def __repr__(self) -> str:
        return f"faults.{self.name}"


def placed(arguments: str, at: str, after: int, usual: str = "response-head") -> str:
    """Return the arguments of a fault as they are written, with where it happens if that is not the ``usual``."""
    where = [f"at={at!r}"] * (at != usual) + [f"after={after}"] * bool(after)
    return ", ".join([arguments] * bool(arguments) + where)


class Final(Fault):
    """A fault after which nothing of the response comes any more."""

    @property
    def needed(self) -> int | None:
        return {"response-head": 0, "response-body": self.after}.get(self.at)


class Break(Final):
    """The connection ends, or goes dead, at a stage after a number of octets."""

    def __init__(self, ending: Ending, at: str, after: int, **when: Any) -> None:
        super().__init__(f"{ending.value}(at={at!r}, after={after})", at=at, after=after, **when)
        self.ending = ending

    def interruption(self) -> Interruption:
        return Interruption(ending=self.ending)

    def script(self, response: Transmission) -> Script:
        yield response.whole[: self.begins(response)]
        yield self.ending


class Latency(Fault):
    """Everything waits at a stage."""

    ends = False

    def __init__(self, seconds: Duration, at: str, after: int, **when: Any) -> None:
        stages = [stage for stage in STAGES if stage != "tls"]
        super().__init__(f"latency({placed(str(seconds), at, after)})", stages, at=at, after=after, **when)
        self._seconds = seconds

    def interruption(self) -> Interruption:
        return Interruption(pause=drawn(self._seconds, self.random))

    def script(self, response: Transmission) -> Script:
        begins = self.begins(response)
        yield response.whole[:begins]
        yield drawn(self._seconds, self.random)
        yield response.whole[begins:]


class Garbage(Final):
    """Random octets come, and the connection is closed."""

    def __init__(self, octets: int, at: str, after: int, **when: Any) -> None:
        super().__init__(f"garbage({placed(str(octets), at, after)})", at=at, after=after, **when)
        self._octets = octets

    def _made(self) -> bytes:
        first = bytes([self.random.randrange(128, 256)])  # no HTTP begins so
        return first + self.random.randbytes(max(0, self._octets - 3)) + b"\r\n"

    def interruption(self) -> Interruption:
        return Interruption(self._made(), Ending.CLOSE)

    def script(self, response: Transmission) -> Script:
        yield response.whole[: self.begins(response)] + self._made()
        yield Ending.CLOSE


class Rewritten(Fault):
    """A response is sent otherwise than it was meant."""

    def __init__(
        self, name: str, stages: Sequence[str], rewrite: Callable[[Fault, Transmission], Script], **when: Any
    ) -> None:  # fmt: skip
        super().__init__(name, stages, **when)
        self._rewrite = rewrite

    def script(self, response: Transmission) -> Script:
        return self._rewrite(self, response)


def reset(at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Reset the connection (RST), ``after`` so many octets of the stage."""
    return Break(Ending.RESET, at, after, **when)


def close(at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Close the connection (FIN), ``after`` so many octets of the stage."""
    return Break(Ending.CLOSE, at, after, **when)


def stall(at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Say nothing more, ``after`` so many octets of the stage, until the client leaves or the server stops."""
    return Break(Ending.STALL, at, after, **when)


def no_answer(**when: Any) -> Fault:
    """Close the connection instead of answering."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        yield Ending.CLOSE

    return Rewritten("no_answer()", ("response-head",), rewrite, **when)


def latency(seconds: Duration, at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Wait ``after`` so many octets of the stage: so many seconds, or what `uniform` or `lognormal` draws.

    What waits before the response is seen when that comes: the request is received meanwhile.
    """
    return Latency(seconds, at, after, **when)


def garbage(octets: int = 100, at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Send random octets instead of what should come next, and close the connection."""
    return Garbage(octets, at, after, **when)


def drip(octets: int, every: Duration, at: str = "response-head", after: int = 0, **when: Any) -> Fault:
    """Send so many octets of the response at a time from there on, with a pause of ``every`` seconds between them."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        begins = fault.begins(response)
        yield response.whole[:begins]
        for begin in range(begins, len(response.whole), octets):
            if begin:
                yield drawn(every, fault.random)
            yield response.whole[begin : begin + octets]

    name = f"drip({placed(f'{octets}, {every}', at, after)})"
    return Rewritten(name, ("response-head", "response-body"), rewrite, at=at, after=after, **when)


def truncate(octets: int, at: str = "response-body", **when: Any) -> Fault:
    """Leave out the last octets of the body, as it is framed, or of the head, and close the connection."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        whole, begin = (response.head, 0) if at == "response-head" else (response.whole, len(response.head))
        yield whole[: max(begin, len(whole) - octets)]
        yield Ending.CLOSE

    name = f"truncate({placed(str(octets), at, 0, 'response-body')})"
    return Rewritten(name, ("response-head", "response-body"), rewrite, at=at, **when)


def corrupt(rate: float = 0.01, at: str = "response-body", after: int = 0, **when: Any) -> Fault:
    """Flip a bit in each octet of the body, or of the head, with a probability of ``rate``, and in one at least."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        head, body = response.framed(chunked=False)
        octets = bytearray(head if at == "response-head" else body)
        places = range(min(after, len(octets)), len(octets))
        struck = [place for place in places if fault.random.random() < rate]
        for place in struck or ([fault.random.choice(places)] if places else []):
            octets[place] ^= 1 << fault.random.randrange(8)
        yield bytes(octets) + body if at == "response-head" else head + bytes(octets)

    name = f"corrupt({placed(str(rate), at, after, 'response-body')})"
    return Rewritten(name, ("response-head", "response-body"), rewrite, at=at, after=after, **when)


def wrong_length(difference: int, **when: Any) -> Fault:
    """Announce a Content-Length that is too large, or too small, by ``difference``; then close the connection."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        head, body = response.framed(chunked=False)
        length = max(0, len(body) + difference)
        yield head.replace(b"Content-Length: %d\r\n" % len(body), b"Content-Length: %d\r\n" % length) + body
        yield Ending.CLOSE

    return Rewritten(f"wrong_length({difference:+})", ("response-head",), rewrite, **when)


def malformed_chunk(after: int | None = None, **when: Any) -> Fault:
    """Send ``after`` so many octets of the body as a chunk, half of them by default, then what is no chunk
    (RFC 9112 §7.1).
    """

    def rewrite(fault: Fault, response: Transmission) -> Script:
        head, _ = response.framed(chunked=True)
        data = response.data[: (len(response.data) + 1) // 2 if after is None else after]
        yield head + (encode_chunk(data) if data else b"") + b"no chunk\r\n\r\n"
        yield Ending.CLOSE

    name = f"malformed_chunk({'' if after is None else f'after={after}'})"
    return Rewritten(name, ("response-body",), rewrite, **{"at": "response-body", **when})


def duplicate_response(**when: Any) -> Fault:
    """Send the response twice: the second answers whatever the client asks next on the connection."""

    def rewrite(fault: Fault, response: Transmission) -> Script:
        yield response.whole * 2

    return Rewritten("duplicate_response()", ("response-end",), rewrite, **{"at": "response-end", **when})


def informational(status: int = 103, headers: FieldLines = (), **when: Any) -> Fault:
    """Send an interim response that nobody asked for before the response (RFC 9110 §15.2)."""
    octets = interim(status, Headers(headers))

    def rewrite(fault: Fault, response: Transmission) -> Script:
        yield octets + response.whole

    return Rewritten(f"informational({status})", ("response-head",), rewrite, **when)


def uniform(least: float, most: float) -> Duration:
    """Draw durations evenly from ``least`` to ``most`` seconds."""
    return lambda random: random.uniform(least, most)


def lognormal(median: float, sigma: float = 0.5) -> Duration:
    """Draw durations as networks do: half of them below ``median`` seconds, and a few far above."""
    return lambda random: random.lognormvariate(math.log(median), sigma)


def drawn(duration: Duration, random: Random) -> float:
    """Return a duration in seconds."""
    return duration(random) if callable(duration) else float(duration)
