#!/usr/bin/env python3
"""Nothing lost: every request is answered once, in order, with its own body.

    python benchmarks/nothing_lost.py                          100,000 requests over 200 connections
    python benchmarks/nothing_lost.py --server granian --seed 7

Each request carries a body that no other has; the server echoes it. Requests are pipelined, bodies have a length or
are chunked, arrive cut anywhere, and some handlers wait. The load comes in bursts: between two of them nothing is sent
and half of the connections are closed and opened anew. Exits with 1 unless all is well. Needs Linux; no wrk.
"""

from __future__ import annotations

import argparse
import random
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import environment
from processes import ServerFailed, exit_when_terminated
from progress import Progress
from servers import SERVERS, home_of, serving

PIPELINE = 8
SILENCE_LIMIT = 30.0
LARGEST_PIECE = 65536
# How many bytes a body has, beside the words that make it unique; mostly few, some beyond what is kept in memory.
SIZES = (0, 1, 13, 100, 700, 1500, 4000, 20_000)
HUGE_SIZE = 1_500_000
HUGE_EVERY = 5000
SLOW_EVERY = 100
CHUNKED_SHARE = 0.3
FILLING = bytes(range(256)) * (HUGE_SIZE // 256 + 1)


class AnswerWrong(Exception):
    """An answer is not the one that was due. The message says on which connection, and how it differs."""


@dataclass
class Client:
    """One connection: what it still has to send, and which bodies are due, in order."""

    name: int
    connection: socket.socket
    unsent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    due: deque[bytes] = field(default_factory=deque)

    def ask(self, target: str, body: bytes, *, chunked: bool) -> None:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        head = f"POST {target} HTTP/1.1\r\nHost: benchmark\r\n{framing}\r\n\r\n"
        self.unsent += head.encode()
        self.unsent += in_chunks(body) if chunked else body
        self.due.append(body)

    def send(self, largest: int) -> None:
        """Send as much as the kernel takes, at most ``largest`` bytes, so that a message is cut anywhere."""
        sent = self.connection.send(self.unsent[:largest])
        del self.unsent[:sent]

    def receive(self) -> int:
        """Take what has arrived; returns how many answers are complete with it.

        Raises:
            AnswerWrong: the connection ended, or an answer is not the one that is due.
        """
        data = self.connection.recv(1 << 18)
        if not data:
            raise AnswerWrong(f"Connection {self.name} was closed with {len(self.due)} answers due.")
        self.received += data
        return sum(1 for _ in self._answers())

    def _answers(self) -> Iterator[None]:
        while (head_end := self.received.find(b"\r\n\r\n") + 4) >= 4:
            status, length = read_head(bytes(self.received[:head_end]))
            if len(self.received) < head_end + length:
                return
            self._compare(status, bytes(self.received[head_end : head_end + length]))
            del self.received[: head_end + length]
            yield

    def _compare(self, status: int, body: bytes) -> None:
        if not self.due:
            raise AnswerWrong(f"Connection {self.name}: an answer to a request that was never made.")
        expected = self.due.popleft()
        if status != 200:
            raise AnswerWrong(f"Connection {self.name}: status {status} for {expected[:30]!r}.")
        if body != expected:
            raise AnswerWrong(f"Connection {self.name}: {body[:30]!r} in the place of {expected[:30]!r}.")


def in_chunks(body: bytes) -> bytes:
    """Return ``body`` in two chunks and the last one."""
    middle = len(body) // 2
    pieces = [piece for piece in (body[:middle], body[middle:]) if piece]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def read_head(head: bytes) -> tuple[int, int]:
    """Return the status and the Content-Length of an answer. The echo always has one."""
    status_line, *lines = head.lower().split(b"\r\n")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
    if len(lengths) != 1:
        raise AnswerWrong(f"An answer without a single Content-Length: {head[:80]!r}.")
    return int(status_line.split()[1]), lengths[0]


class Load:
    """A hundred thousand requests in bursts, from one thread."""

    def __init__(self, port: int, connections: int, chance: random.Random) -> None:
        self._port = port
        self._chance = chance
        self._numbers = count(1)
        self._names = count(1)
        self._selector = selectors.DefaultSelector()
        self._clients = [self._open() for _ in range(connections)]
        self.answered = 0

    def burst(self, requests: int) -> None:
        """Make ``requests`` requests, spread over all connections; returns when every one is answered.

        Raises:
            AnswerWrong: an answer is wrong, or none came for ``SILENCE_LIMIT`` seconds.
        """
        goal = self.answered + requests
        unasked = requests
        for client in self._clients:
            unasked -= self._ask(client, unasked)
        while self.answered < goal:
            ready = self._selector.select(SILENCE_LIMIT)
            if not ready:
                waiting = sum(len(client.due) for client in self._clients)
                raise AnswerWrong(f"Silence for {SILENCE_LIMIT:.0f} seconds with {waiting} answers due.")
            for key, events in ready:
                unasked -= self._serve(key.data, events, unasked)

    def renew_half(self) -> None:
        """Close every second connection and open another in its place. Nothing is due on any.

        Raises:
            AnswerWrong: something came although nothing was due.
        """
        self.expect_silence()
        for position in range(0, len(self._clients), 2):
            self._close(self._clients[position])
            self._clients[position] = self._open()

    def expect_silence(self) -> None:
        """Raise AnswerWrong if any byte came, or any connection ended, since the last burst."""
        for key, _ in self._selector.select(0):
            client: Client = key.data
            raise AnswerWrong(f"Connection {client.name} was closed, or answered twice, while it rested.")

    def close(self) -> None:
        for client in self._clients:
            self._close(client)
        self._selector.close()

    def _open(self) -> Client:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=SILENCE_LIMIT)
        connection.setblocking(False)
        client = Client(next(self._names), connection)
        self._selector.register(connection, selectors.EVENT_READ, client)
        return client

    def _close(self, client: Client) -> None:
        self._selector.unregister(client.connection)
        client.connection.close()

    def _serve(self, client: Client, events: int, unasked: int) -> int:
        """Move the bytes of one connection; returns how many requests it made."""
        if events & selectors.EVENT_READ:
            self.answered += client.receive()
        if events & selectors.EVENT_WRITE:
            client.send(self._chance.randint(1, LARGEST_PIECE))
        asked = 0 if client.due else self._ask(client, unasked)
        self._watch(client)
        return asked

    def _ask(self, client: Client, most: int) -> int:
        """Let the client make one to ``PIPELINE`` requests at once, at most ``most``; returns how many."""
        requests = min(most, self._chance.randint(1, PIPELINE))
        for _ in range(requests):
            number = next(self._numbers)
            target = "/echo?seconds=0.005" if number % SLOW_EVERY == 0 else "/echo"
            client.ask(target, self._body(number, client), chunked=self._chance.random() < CHUNKED_SHARE)
        self._watch(client)
        return requests

    def _body(self, number: int, client: Client) -> bytes:
        size = HUGE_SIZE if number % HUGE_EVERY == 0 else self._chance.choice(SIZES)
        return b"request %d of connection %d;" % (number, client.name) + FILLING[:size]

    def _watch(self, client: Client) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        self._selector.modify(client.connection, events, client)


def main() -> None:
    options = arguments()
    exit_when_terminated()
    server = SERVERS[options.server]
    start = time.monotonic()
    try:
        with serving(server, home_of(server, options.peers), threads=options.threads, patient=True) as (_, port):
            answered = run(port, options)
    except (AnswerWrong, ServerFailed, OSError) as wrong:
        sys.exit(f"LOST (seed {options.seed}): {wrong}")
    print(f"Nothing lost: {answered:,} requests in {options.bursts} bursts over {options.connections} connections,")
    print(f"each answered once, in order, with its own body; {time.monotonic() - start:.0f} s, seed {options.seed}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--bursts", type=int, default=10)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--pause", type=float, default=0.5, help="the longest silence between two bursts, in seconds")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same requests")
    parser.add_argument("--server", choices=SERVERS, default="ehttpd")
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    return parser.parse_args()


def run(port: int, options: argparse.Namespace) -> int:
    """Make all requests, burst by burst; returns how many were answered.

    Raises:
        AnswerWrong: one was not answered as it must be.
    """
    chance = random.Random(options.seed)
    progress = Progress(options.bursts)
    with closing(Load(port, options.connections, chance)) as load:
        for burst in range(options.bursts):
            if burst:
                time.sleep(chance.uniform(0, options.pause))
                load.renew_half()
            share = options.requests // options.bursts + (burst < options.requests % options.bursts)
            progress.step(f"{share:,} requests")
            load.burst(share)
        load.expect_silence()
    progress.clear()
    return load.answered


if __name__ == "__main__":
    main()
