"""The certificates of a server: which one a client is shown, and what happens when their files change.

The operator's and OpenSSL's. A context is made once for each certificate, and kept: so clients resume their sessions.
Files are looked at when a client comes, once a second at most, and read again when they have changed; what cannot be
used is said, and the certificates from before stay. Connections that exist notice nothing.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from ehttpd.errors import CertificateError, OperatorError
from ehttpd.logs import log
from ehttpd.server.tls.context import new_context
from ehttpd.server.tls.files import Pair, Signature, pairs, signature
from ehttpd.server.tls.names import leave_out_names
from ehttpd.server.tls.x509 import Statement
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.settings import Settings

# Seconds between two looks at the files. What has changed since the last is left alone until the next: whoever
# replaces a certificate and its key does so one after the other.
LOOK_AFTER = 1.0


class Credentials:
    """A certificate that can be used, with what it says of itself."""

    def __init__(self, pair: Pair, context: ssl.SSLContext, statement: Statement) -> None:
        self.pair = pair
        self.context = context
        self.names = statement.names
        self.not_before = statement.not_before
        self.not_after = statement.not_after

    def warn(self) -> None:
        """Say so if it is not valid now."""
        now, name = datetime.now(UTC), self.pair.certificate
        if now > self.not_after:
            log.warning("The certificate %r has expired on %s. Renew it: clients refuse it.", name, self.not_after)
        elif now < self.not_before:
            log.warning("The certificate %r is valid from %s only. Check the clock.", name, self.not_before)


class Certificates:
    """All of them. The first is for clients that name no host, or one that nobody knows.

    Raises:
        CertificateError: one cannot be used.
        SettingsError: settings contradict each other.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # of `reload`
        self._known: dict[tuple[Pair, Signature], Credentials] = {}
        self._looked_at: Signature = ()  # what was read last
        self._seen: Signature = ()  # what was there at the last look
        self._look_at = -math.inf
        self._by_name: dict[str, ssl.SSLContext] = {}
        leave_out_names()
        self._take(self._found(), strict=True)

    def engine(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return OpenSSL's side of a new connection. The leader's."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_AFTER
            self._look()
        return self._first.wrap_bio(incoming, outgoing, server_side=True)

    @property
    def names(self) -> list[str]:
        """The hosts that certificates are for."""
        return list(self._by_name)

    def reload(self) -> None:
        """Read again what has changed, at once. Any thread.

        Raises:
            CertificateError: one cannot be used; the one from before stays, and others are replaced all the same.
        """
        self._take(self._found(), strict=False)

    # Files

    def _found(self) -> list[Pair]:
        return pairs(self._settings.certfile, self._settings.keyfile)

    def _files(self, pair: Pair) -> Signature:
        return signature(*pair, self._settings.ca_certs, self._settings.keyfile_password_file)

    def _look(self) -> None:
        """Read what has changed, unless it is changing now."""
        try:
            found = self._found()
            state = tuple(entry for pair in found for entry in self._files(pair))
            seen, self._seen = self._seen, state
            if state == self._looked_at:
                return
            changed = max((entry[1] for entry in state), default=0) / 1e9  # of the clock of files, not of ours
            gone = any(pair not in found for pair, _ in self._known)  # what is away has no date
            if 0 <= time.time() - changed < LOOK_AFTER or (gone and state != seen):
                return
            self._take(found, strict=False)
        except OperatorError as error:
            log.error("%s The certificate from before stays. %s", error, " ".join(error.cure.split("\n")))

    def _take(self, found: list[Pair], *, strict: bool) -> None:
        """Use what was found from now on; keep what was used for what cannot be. Raises CertificateError."""
        with self._lock:
            used: dict[tuple[Pair, Signature], Credentials] = {}
            failure: CertificateError | None = None
            wanted = [(pair, self._files(pair)) for pair in found]
            self._looked_at = tuple(entry for _, files in wanted for entry in files)
            for key in wanted:
                pair = key[0]
                try:
                    used[key] = self._known.get(key) or self._read(pair)
                except CertificateError as error:
                    failure = failure or error
                    if strict:
                        raise
                    used.update({known: kept for known, kept in self._known.items() if known[0] == pair})
            if used:
                self._use(used)
        if failure is not None:
            raise failure

    def _read(self, pair: Pair) -> Credentials:
        context, statement = new_context(pair, self._settings)
        credentials = Credentials(pair, context, statement)
        credentials.warn()
        if self._known:
            log.info("The certificate %r was read.", pair.certificate)
        return credentials

    def _use(self, used: dict[tuple[Pair, Signature], Credentials]) -> None:
        self._known = used
        first, *_ = used.values()
        self._by_name = named(used.values())
        first.context.sni_callback = self._choose
        self._first = first.context

    # Names

    def _choose(self, engine: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Have a client shown the certificate of the host that it asks for (RFC 6066 §3)."""
        engine.asked_name = name  # type: ignore[attr-defined]
        if name is not None:
            name = name.lower()
            chosen = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
            if chosen is not None and chosen is not context:
                engine.context = chosen


class GivenContext:
    """The context of somebody who embeds the server: used as it is."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        leave_out_names()
        if context.sni_callback is None:
            context.sni_callback = _note_name

    def engine(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        return self._context.wrap_bio(incoming, outgoing, server_side=True)

    def reload(self) -> None:
        """Do nothing: the context belongs to somebody else."""


def _note_name(engine: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    engine.asked_name = name  # type: ignore[attr-defined]


def named(used: Iterable[Credentials]) -> dict[str, ssl.SSLContext]:
    """Return the context for each host; the first certificate for a host is the one that counts."""
    by_name: dict[str, ssl.SSLContext] = {}
    for credentials in used:
        for name in credentials.names:
            by_name.setdefault(name, credentials.context)
    return by_name
