"""The servers of a failed test, held up for somebody to look at.

The test author's, at a terminal. Knows the option of the command line, and when it is over.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.testing.server import TestServer

ADDRESS = re.compile(r"\[?[\w.:%-]*\]?:\d{1,5}|unix:.+")
# The option is given without an address: where the servers are.
WHERE_THEY_ARE = ""


class HoldAction(argparse.Action):
    """``--ehttpd-hold`` or ``--ehttpd-hold=ADDRESS``. What follows the flag and is no address is a test's file.

    argparse would take it for the value; so it is given back, in the way in which parsers of commands do that.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:  # fmt: skip
        if values and not ADDRESS.fullmatch(values):
            given_back = [*getattr(namespace, "_unrecognized_args", ()), values]
            namespace._unrecognized_args = given_back
            values = WHERE_THEY_ARE
        setattr(namespace, self.dest, values)


def hold(test: str, servers: Sequence[TestServer], address: str) -> None:
    """Keep servers up until somebody presses Enter, or nobody is there to do so; the first at ``address`` as well."""
    from ehttpd.errors import ListenError

    lines = [f"\nehttpd: {test} has failed. Its servers are held up:"]
    for server in servers:
        lines.append(f"  {server.url}")
        if address and server is servers[0]:
            try:
                lines.append(f"  {server.listen_also(address)}")
            except ListenError as error:
                lines.append(f"  not {address}: {error}")
    try:
        sys.stdout.write("\n".join([*lines, "  press Enter to go on.", ""]))
        sys.stdout.flush()
        sys.stdin.readline()
    except (OSError, ValueError):  # no standard input: a worker of xdist
        pass
