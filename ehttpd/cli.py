"""The command ``ehttpd``: the first word says what to do, and what went wrong becomes a message and an exit code.

The operator's room. What the commands are is commands/'s, and what they do theirs.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from ehttpd.commands import COMMANDS, SERVING
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

WRONG_USAGE = 2
COULD_NOT_START = 3
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EIO)
CHECKS = frozenset({"check", "--check-config"})  # what imports an application and does not serve it
NOBODY_READS = 128 + 13  # SIGPIPE, as shells have it


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line ``words`` and return its exit code. Without, it is that of the process, which then ends at
    once if it has served nothing.
    """
    if words is not None:
        return run(words)
    words = sys.argv[1:]
    exit_code = run(words)
    try:
        sys.stderr.flush()
    except OSError:  # what could not be written before: Python would try once more, and have an exit code of its own
        abandon(sys.stderr)
    if not exit_code and CHECKS.isdisjoint(words):
        return exit_code
    from ehttpd.launch.ending import end

    return end(exit_code)


def run(words: Sequence[str]) -> int:
    """Run a command line, and return its exit code."""
    command, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("run", words)
    do = runner(command)
    from ehttpd.launch.logs import close_logs
    from ehttpd.launch.serve import INTERRUPTED
    from ehttpd.launch.surroundings import write_every_character

    if command not in SERVING:
        write_every_character()
    try:
        try:
            return do(rest)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        return leave_pipe()
    except SettingsError as error:
        return complain(error, WRONG_USAGE)
    except OperatorError as error:
        return complain(error, COULD_NOT_START)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        leave_pipe()
        return complain(OperatorError(f"cannot write: {os.strerror(error.errno).lower()}."), COULD_NOT_START)
    finally:
        close_logs()


def runner(command: str) -> Callable[[Sequence[str]], int]:
    """Import a command, once standard streams are open. Nothing of that is garbage, so nobody looks for any, neither
    meanwhile nor afterwards.
    """
    gc.disable()
    try:
        from ehttpd.launch.surroundings import open_standard_streams

        open_standard_streams()
        run: Callable[[Sequence[str]], int] = import_module(f"ehttpd.commands.{command}").run
        return run
    finally:
        gc.freeze()
        gc.enable()


def leave_pipe() -> int:
    """Print nothing more, since whoever read it has had enough (``| head``), and return the exit code of that."""
    abandon(sys.stdout)
    return NOBODY_READS


def abandon(stream: TextIO) -> None:
    """Have what is printed to a stream go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(error: OperatorError, exit_code: int) -> int:
    """Tell the operator what went wrong and what to do, and return ``exit_code``."""
    from ehttpd.launch.banner import announce

    announce("\n  ".join([f"ehttpd: {error}", *error.cure.splitlines()]))
    return exit_code
