"""What can go wrong on the wire, at a stage and after a number of octets of the test author's choice.

Values only: they say what is to happen. delivery.py does it to responses, connection.py to what comes before them.

    reset(at="response-body", after=3)    truncate(5)    latency(uniform(0.1, 0.3), p=0.2, seed=1)    no_answer(nth=2)
"""

from __future__ import annotations

import enum
import math
import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeAlias

from ehttpd.http11.encoding import encode_chunk
from ehttpd.http11.serialize import serialize
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

    ``seed`` makes whatever is random repeat itself. Any thread.

    Raises:
        ValueError: there is no such stage, or a number makes no sense.
    """

    def __init__(
        self,
        name: str,
        *,
        at: str = "response-head",
        after: int = 0,
        p: float = 1.0,
        seed: int | None = None,
        nth: int | None = None,
    ) -> None:
        if at not in STAGES:
            raise ValueError(f"There is no stage {at!r}. Stages are: {', '.join(STAGES)}.")
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

    def script(self, response: Transmission) -> Script:
        """Yield what is sent in the place of a response."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"faults.{self.name}"


class Break(Fault):
    """The connection ends, or goes dead, at a stage after a number of octets."""

    def __init__(self, ending: Ending, at: str, after: int, **when: Any) -> None:
        super().__init__(f"{ending.value}(at={at!r}, after={after})", at=at, after=after, **when)
        self.ending = ending

    def script(self, response: Transmission) -> Script:
        whole = response.head + response.body
        ends = {
            "response-head": self.after,
            "response-body": len(response.head) + self.after,
            "response-end": len(whole),
        }
        yield whole[: ends.get(self.at, 0)]
        yield self.ending


class Rewritten(Fault):
    """A response is sent otherwise than it was meant."""

    def __init__(self, name: str, rewrite: Callable[[Transmission, Random], Script], **when: Any) -> None:
        super().__init__(name, **when)
        self._rewrite = rewrite

    def script(self, response: Transmission) -> Script:
        return self._rewrite(response, self.random)


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
    return Break(Ending.CLOSE, "response-head", 0, **when)


def truncate(octets: int, **when: Any) -> Fault:
    """Leave out the last octets of the body, as it is framed, and close the connection."""

    def rewrite(response: Transmission, random: Random) -> Script:
        yield response.head + response.body[: max(0, len(response.body) - octets)]
        yield Ending.CLOSE

    return Rewritten(f"truncate({octets})", rewrite, **when)


def wrong_length(difference: int, **when: Any) -> Fault:
    """Announce a Content-Length that is too large, or too small, by ``difference``; then close the connection."""

    def rewrite(response: Transmission, random: Random) -> Script:
        head, body = response.framed(chunked=False)
        length = max(0, len(body) + difference)
        yield head.replace(b"Content-Length: %d\r\n" % len(body), b"Content-Length: %d\r\n" % length) + body
        yield Ending.CLOSE

    return Rewritten(f"wrong_length({difference:+})", rewrite, **when)


def malformed_chunk(**when: Any) -> Fault:
    """Send the first half of the body as a chunk, and then what is no chunk (RFC 9112 §7.1)."""

    def rewrite(response: Transmission, random: Random) -> Script:
        head, _ = response.framed(chunked=True)
        half = response.data[: (len(response.data) + 1) // 2]
        yield head + (encode_chunk(half) if half else b"") + b"no chunk\r\n\r\n"
        yield Ending.CLOSE

    return Rewritten("malformed_chunk()", rewrite, **when)


def garbage(octets: int = 100, **when: Any) -> Fault:
    """Send random octets instead of the response, and close the connection."""

    def rewrite(response: Transmission, random: Random) -> Script:
        yield bytes([random.randrange(128, 256)]) + random.randbytes(max(0, octets - 3)) + b"\r\n"
        yield Ending.CLOSE

    return Rewritten(f"garbage({octets})", rewrite, **when)


def drip(octets: int, every: Duration, **when: Any) -> Fault:
    """Send so many octets of the response at a time, with a pause of ``every`` seconds between them."""

    def rewrite(response: Transmission, random: Random) -> Script:
        whole = response.head + response.body
        for begin in range(0, len(whole), octets):
            if begin:
                yield drawn(every, random)
            yield whole[begin : begin + octets]

    return Rewritten(f"drip({octets}, {every})", rewrite, **when)


def latency(seconds: Duration, **when: Any) -> Fault:
    """Wait before the response: so many seconds, or what `uniform` or `lognormal` draws."""

    def rewrite(response: Transmission, random: Random) -> Script:
        yield drawn(seconds, random)
        yield response.head + response.body

    return Rewritten(f"latency({seconds})", rewrite, **when)


def corrupt(rate: float = 0.01, **when: Any) -> Fault:
    """Flip a bit in each octet of the body with a probability of ``rate``, and in one at least."""

    def rewrite(response: Transmission, random: Random) -> Script:
        head, body = response.framed(chunked=False)
        octets = bytearray(body)
        struck = [place for place in range(len(octets)) if random.random() < rate]
        for place in struck or [random.randrange(len(octets))] * bool(octets):
            octets[place] ^= 1 << random.randrange(8)
        yield head + bytes(octets)

    return Rewritten(f"corrupt({rate})", rewrite, **when)


def duplicate_response(**when: Any) -> Fault:
    """Send the response twice: the second answers whatever the client asks next on the connection."""

    def rewrite(response: Transmission, random: Random) -> Script:
        yield (response.head + response.body) * 2

    return Rewritten("duplicate_response()", rewrite, **when)


def uniform(least: float, most: float) -> Duration:
    """Draw durations evenly from ``least`` to ``most`` seconds."""
    return lambda random: random.uniform(least, most)


def lognormal(median: float, sigma: float = 0.5) -> Duration:
    """Draw durations as networks do: half of them below ``median`` seconds, and a few far above."""
    return lambda random: random.lognormvariate(math.log(median), sigma)


def drawn(duration: Duration, random: Random) -> float:
    """Return a duration in seconds."""
    return duration(random) if callable(duration) else float(duration)
