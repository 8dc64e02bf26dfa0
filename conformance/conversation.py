"""One connection to a server under test: octets go out, answers come in, and both are kept for the verdict.

Knows sockets and a clock; not what is right.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Self

from conformance.answers import Answer, Malformed, parse_answer

CONNECT_TIMEOUT = 5.0
NO_LIMIT = sys.maxsize
RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time: the kernel sends RST instead of FIN


class Conversation:
    """``patience``: how long, in seconds, an answer is waited for. To be used as a context manager."""

    def __init__(self, port: int, patience: float) -> None:
        self.port = port
        self.patience = patience
        self.answers: list[Answer] = []
        self.interim: list[Answer] = []
        self.elsewhere: list[Answer] = []
        self.ended = False
        self.reset = False
        self.malformed = ""
        self._octets = b""
        self._methods: list[str] = []
        self._beside: list[socket.socket] = []
        self._socket = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._socket, *self._beside):
            each.close()

    def send(self, octets: bytes, *methods: str) -> Self:
        """Send; ``methods``: those of the requests in it, GET where none is said.

        A server that has hung up is no error here: reading will tell.
        """
        self._methods += methods or ("GET",)
        with suppress(OSError):
            self._socket.settimeout(self.patience)
            self._socket.sendall(octets)
        return self

    def send_octet_by_octet(self, octets: bytes) -> Self:
        for position in range(len(octets)):
            with suppress(OSError):
                self._socket.sendall(octets[position : position + 1])
        return self

    def half_close(self) -> Self:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        return self

    def receive(self, count: int = NO_LIMIT) -> Self:
        """Wait until there are so many final answers, or the connection ends, or patience does."""
        return self._receive(count, 0, self.patience)

    def receive_interim(self) -> Self:
        """Wait for an interim answer or, failing that, a final one."""
        return self._receive(len(self.answers) + 1, len(self.interim) + 1, self.patience)

    def listen(self, seconds: float) -> Self:
        """Take what comes unasked within so many seconds."""
        return self._receive(NO_LIMIT, 0, seconds)

    def begins_to_arrive(self) -> bool:
        """Wait for the first octets of an answer and leave them unread."""
        try:
            self._socket.settimeout(self.patience)
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def beside(self, octets: bytes, *, answered: bool = False, reset: bool = False) -> bool:
        """Open another connection and send ``octets`` there; it stays open until the end, or is reset at once.

        Returns False if the server did not take the connection or, where it is to be ``answered``, sent nothing back.
        """
        try:
            other = self._connect()
            self._beside.append(other)
            other.sendall(octets)
            if answered:
                other.recv(1)
        except OSError:
            return False
        if reset:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            other.close()
        return True

    def ask_elsewhere(self, octets: bytes) -> Self:
        """Send a request on a connection of its own; its answer, if one comes, goes into ``elsewhere``."""
        with suppress(OSError), Conversation(self.port, self.patience) as other:
            self.elsewhere += other.send(octets).receive(1).answers
        return self

    @property
    def seen(self) -> list[dict[str, object]]:
        """What reached the application, in order."""
        return [answer.seen for answer in self.answers if answer.seen is not None]

    @property
    def paths(self) -> list[object]:
        return [seen["path"] for seen in self.seen]

    def __str__(self) -> str:
        said = [f"interim {answer.status}" for answer in self.interim] + [str(answer) for answer in self.answers]
        end = "reset" if self.reset else "closed" if self.ended else "open"
        return "; ".join([*(said or ["no answer"]), f"connection {end}"])

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self.port), CONNECT_TIMEOUT)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(self.patience)
        return connected

    def _receive(self, finals: int, interims: int, seconds: float) -> Self:
        deadline = time.monotonic() + seconds
        while not (self.ended or self.malformed or len(self.answers) >= finals):
            if interims and len(self.interim) >= interims:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 18)
            except TimeoutError:
                break
            except OSError:
                data, self.reset = b"", True
            self.ended = not data
            self._octets += data
            self._parse()
        return self

    def _parse(self) -> None:
        try:
            while self._octets or self.ended:
                number = len(self.answers)
                method = self._methods[number] if number < len(self._methods) else "GET"
                found = parse_answer(self._octets, method, self.ended)
                if found is None:
                    return
                answer, length = found
                self._octets = self._octets[length:]
                (self.interim if answer.status < 200 else self.answers).append(answer)
        except Malformed as fault:
            self.malformed = str(fault)
