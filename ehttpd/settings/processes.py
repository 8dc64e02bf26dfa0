"""How many processes serve, when they are replaced, and whose they are.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.units import Count, FileName, Mask, Mebibytes, Seconds, Switch, Text

# What a supervisor is needed for, besides several workers.
SUPERVISORS = ("supervise", "preload", "max_requests", "max_rss", "max_lifetime", "user", "group", "hooks")


class ProcessSettings(Group, section="Processes"):
    """Workers, and whose processes they are."""

    workers: Count = setting(
        Count(1),
        "Serve with this many processes, which a supervisor starts, watches and replaces; 1: in this one, without.",
        flags=("-w", "--workers"),
        platform={"WEB_CONCURRENCY": "{}"},
        at_least=1,
        at_most=1024,  # more is a slip of a finger, and would take the machine down
    )
    supervise: Switch = setting(
        Switch(0),
        "Have a supervisor watch and replace the process that serves, even if it is only one.",
    )
    preload: Switch = setting(
        Switch(0),
        "Import the application once, in a process that forks the workers: saves memory and time.",
    )
    worker_timeout: Seconds = setting(
        Seconds(30.0),
        "Kill and replace a worker that gives no sign of life for this long; long handlers are none. 0: never.",
        flags=("--worker-timeout", "-t", "--timeout", "--timeout-worker-healthcheck"),
        at_least=0,
    )
    max_requests: Count = setting(
        Count(0),
        "Replace a worker after so many requests, the new one ready first; 0: never.",
        flags=("--max-requests", "--limit-max-requests"),
        at_least=0,
    )
    max_requests_jitter: Count = setting(
        Count(0),
        "Add a random number up to this to the most requests of each worker, so that not all are replaced at once.",
        flags=("--max-requests-jitter", "--limit-max-requests-jitter"),
        at_least=0,
    )
    max_rss: Mebibytes = setting(
        Mebibytes(0),
        "Replace a worker that takes more memory than this, in MiB unless it says so; 0: never.",
        flags=("--max-rss", "--workers-max-rss"),
        at_least=0,
    )
    max_lifetime: Seconds = setting(
        Seconds(0.0),
        "Replace a worker that is older than this; 0: never.",
        flags=("--max-lifetime", "--workers-lifetime"),
        at_least=0,
    )
    user: Text = setting(
        Text(""),
        "Be this user once it listens, before the application is imported: a name or a number.",
        flags=("-u", "--user"),
    )
    group: Text = setting(
        Text(""),
        "Be of this group once it listens; nothing: of the user's.",
        flags=("-g", "--group"),
    )
    umask: Mask = setting(
        Mask(-1),
        "Take these permissions from files that the application makes; nothing: as the process was started.",
        flags=("-m", "--umask"),
    )
    pid: FileName = setting(
        FileName(""),
        "Write the number of the process, the supervisor's if there is one, to this file.",
        flags=("-p", "--pid", "--pidfile", "--pid-file"),
    )
    name: Text = setting(
        Text(""),
        "Call the processes so in lists such as those of ps and top, where the system lets us; nothing: ehttpd.",
        flags=("-n", "--name", "--process-name", "--proc-name"),
    )
    hooks: Text = setting(
        Text(""),
        "Call the functions of this module, or of module:object, at turns of the life of supervisor and workers.",
    )

    @property
    def supervised(self) -> bool:
        """Whether there is to be a supervisor: for several workers, for one that is replaced now and then, or for one
        that may do less than who opens the addresses.
        """
        return self.workers > 1 or any(getattr(self, name) for name in SUPERVISORS)
