"""The command on a CPython that lacks what Windows has not, as far as Linux can pretend.

    python -m tests.as_on_windows module:app --bind 127.0.0.1:0

The standard library is imported before anything is taken away: it is ehttpd that is tried, not the library.
"""

from __future__ import annotations

import errno
import http.client  # noqa: F401 - with what it needs; so all below
import logging.handlers  # noqa: F401
import mimetypes  # noqa: F401
import multiprocessing  # noqa: F401
import os
import select
import selectors
import signal
import socket
import ssl
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
import urllib.request  # noqa: F401
from collections.abc import Callable
from typing import Any

NAMES = {
    os: """fork forkpty geteuid getuid getgid getegid setuid setgid initgroups getgroups writev readv preadv pwritev
        pread pwrite sendfile set_blocking get_blocking O_NONBLOCK O_CLOEXEC O_NOFOLLOW O_DIRECTORY register_at_fork
        memfd_create posix_fallocate killpg setsid setpgid getpgid getpgrp sched_getaffinity chown fchown fchmod
        mkfifo pipe2 statvfs uname getloadavg eventfd posix_spawn wait3 wait4""",
    select: "poll epoll PIPE_BUF POLLIN POLLOUT POLLERR POLLHUP POLLRDHUP EPOLLIN EPOLLOUT EPOLLRDHUP EPOLLHUP",
    selectors: "PollSelector EpollSelector",
    signal: """SIGHUP SIGUSR1 SIGUSR2 SIGTTIN SIGTTOU SIGWINCH SIGCHLD SIGQUIT SIGKILL SIGPIPE SIGALRM setitimer alarm
        pthread_sigmask pthread_kill sigwait siginterrupt""",
    socket: """AF_UNIX SO_REUSEPORT SO_PEERCRED SO_INCOMING_CPU MSG_DONTWAIT MSG_MORE MSG_NOSIGNAL TCP_DEFER_ACCEPT
        TCP_QUICKACK TCP_USER_TIMEOUT TCP_CORK TCP_INFO SO_BINDTODEVICE send_fds recv_fds SCM_RIGHTS""",
}
MODULES = ("resource", "fcntl", "termios", "tty", "pty", "pwd", "grp", "syslog", "crypt")


def kill_as_there(process: int, number: int, *, kill: Callable[[int, int], None] = os.kill, dead: int = 9) -> None:
    """There is no signal 0: it would be Ctrl+C, to a group of processes. Others end the process there and then."""
    if number == 0:
        raise OSError(errno.EINVAL, "The parameter is incorrect")
    kill(process, dead)


def pair_over_loopback(*_: object) -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        return ours, listener.accept()[0]


def list_folder(path: Any = ".", *, listed: Callable[[Any], list[str]] = os.listdir) -> list[str]:
    if path == "/dev/fd":
        raise FileNotFoundError(path)
    return listed(path)


def pretend() -> None:
    """Take away what Windows has not."""
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    ssl.enum_certificates = lambda store: []  # type: ignore[attr-defined]  # what the system trusts there
    os.listdir = list_folder  # type: ignore[assignment]
    os.kill = kill_as_there
    socket.socketpair = pair_over_loopback  # type: ignore[assignment]  # as there
    selectors.DefaultSelector = selectors.SelectSelector  # type: ignore[misc,assignment]
    sys.modules.update(dict.fromkeys(MODULES))  # type: ignore[arg-type]  # None: it cannot be imported
    sys.platform = "win32"


if __name__ == "__main__":
    pretend()
    from ehttpd.cli import main

    sys.exit(main())
