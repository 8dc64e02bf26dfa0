"""The interpreter of this process, for processes that are to run as it does: with the same flags, and the same modules.

The operator's room. Knows Python's command line.
"""

from __future__ import annotations

import subprocess
import sys


def interpreter() -> list[str]:
    """Return the command of this interpreter, with the flags that it was given (-O, -W, -X …).

    Modules are looked for in the current folder only if they are here. With ``-m`` alone they would be, before all
    others: a ``json.py`` of the application's would be taken for Python's.
    """
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, *([] if looks_into_current_folder() else ["-P"])]


def looks_into_current_folder() -> bool:
    """Tell whether this process was started so that modules are looked for in the current folder: with -m or -c."""
    main = sys.modules["__main__"]
    return main.__spec__ is not None or not hasattr(main, "__file__")
