"""What ``ehttpd`` can be told to do: one module for each command, and the table of them.

The operator's room. A command is a module of this package that is called like it and has two functions:

- ``run(words)`` does it with the words behind its name, and returns the exit code. It may raise an `OperatorError`:
  ``cli.py`` tells it.
- ``make_parser()`` returns the parser of these words. Completion and the tests of the pages look at it. ``WORDS`` are
  those that may follow at once, if there are any besides.

Whatever is no command is an application to serve; ``ehttpd run dev`` serves a module that is called like a command.
"""

from __future__ import annotations

COMMANDS = {
    "run": "Serve an application: the same as ehttpd APP.",
    "dev": "Serve while it is written: reloading, with tracebacks in the browser.",
    "check": "Try everything that serving needs, and serve nothing.",
    "config": "Show each setting with where it was given.",
    "static": "Serve the files of a folder.",
    "init": "Print a ready file for systemd, docker, compose, k8s, nginx, caddy, grafana.",
    "top": "Watch a running server in the terminal.",
    "status": "Show how a running server is, once.",
    "ctl": "Tell a running server what to do, or ask what it does.",
    "translate": "Tell another server's command in our words.",
    "completion": "Print what a shell needs to complete these words.",
}
# Those that run an application, whose output is its own.
SERVING = ("run", "dev", "static")
