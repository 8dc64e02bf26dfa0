"""The command ``ehttpd``: the first word says what to do, and what went wrong becomes a message and an exit code.

The operator's room. What the commands are is commands/'s, and what they do theirs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from ehttpd.commands import COMMANDS
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.logs import close_logs
from ehttpd.launch.serve import SIGNALLED, announce

WRONG_USAGE = 2
COULD_NOT_START = 3


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line ``words``, those of the process by default, and return its exit code."""
    words = sys.argv[1:] if words is None else words
    command, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("run", words)
    try:
        exit_code: int = import_module(f"ehttpd.commands.{command}").run(rest)
        return exit_code
    except SettingsError as error:
        return complain(error, WRONG_USAGE)
    except OperatorError as error:
        return complain(error, COULD_NOT_START)
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    finally:
        close_logs()


def complain(error: OperatorError, exit_code: int) -> int:
    """Tell the operator what went wrong and what to do, and return ``exit_code``."""
    announce("\n  ".join([f"ehttpd: {error}", *error.cure.splitlines()]))
    return exit_code
