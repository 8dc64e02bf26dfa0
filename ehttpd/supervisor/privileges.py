"""Who the process is: root opens port 80, and then becomes somebody who may do less.

The operating system's, POSIX only. Once the listening sockets are open and before the application is imported.
"""

from __future__ import annotations

import os

from ehttpd.errors import SettingsError
from ehttpd.launch.logs import make_logs
from ehttpd.settings import Settings

HIGHEST = (1 << 32) - 1  # uid_t of the systems that have one


def give_up_privileges(settings: Settings) -> None:
    """Become the user and group that ``settings`` name, with the groups of that user, and take their umask.

    Raises:
        SettingsError: there is no such user or group, or this process may not become one.
    """
    if settings.umask >= 0:
        os.umask(settings.umask)
    if not settings.user and not settings.group:
        return
    user, group, name = identity(settings)
    if (user, group) == (os.geteuid(), os.getegid()):
        return
    try:
        if name:
            os.initgroups(name, group)
        else:
            os.setgroups([group])
        os.setgid(group)
        os.setuid(user)
    except PermissionError as error:
        raise not_allowed(settings) from error
    if name:
        os.environ["HOME"] = home_of(name)
    require_library(name or str(user))


def not_allowed(settings: Settings) -> SettingsError:
    """Return the error that this process may not become whom ``settings`` name."""
    named = ":".join(part for part in (settings.user, settings.group) if part)
    cure = "Start it as root, or leave out --user and --group."
    return SettingsError(f"this process may not become {named!r}.", cure)


def require_library(user: str) -> None:
    """See to it that this process, which is ``user`` now, may import what has not been imported yet.

    Raises:
        SettingsError: a folder cannot be read.
    """
    for what, file in {"Python's library": os.__file__, "ehttpd": __file__}.items():
        library = os.path.dirname(file)
        folder = unreadable(library)
        if folder:
            cure = f"Let that user in, or install it where everybody may read it: it is in {library}."
            raise SettingsError(f"the user {user!r} cannot read the folder {folder}, in which {what} is.", cure)


def unreadable(folder: str) -> str:
    """Return which one of ``folder`` and those that it lies in is closed to this process, the topmost; else nothing."""
    above = os.path.dirname(folder)
    if above != folder and (found := unreadable(above)):
        return found
    return "" if os.access(folder, os.X_OK) else folder


def make_logs_of_workers(settings: Settings) -> None:
    """Make the files of logs that are not there yet, for the user and group that ``settings`` name, if they name any.

    Raises:
        SettingsError: there is no such user or group, or a file cannot be written.
    """
    if settings.user or settings.group:
        make_logs(settings, identity(settings)[:2])


def give_away(path: str, settings: Settings) -> None:
    """Have a file belong to the user and group that ``settings`` name.

    Raises:
        SettingsError: there is no such user or group, or this process may not become one.
    """
    user, group, _ = identity(settings)
    try:
        # Who owns the folder may have put a link there since, to a file of root's.
        os.chown(path, user, group, follow_symlinks=False)
    except PermissionError as error:
        raise not_allowed(settings) from error
    except FileNotFoundError:  # somebody has removed it: nobody connects there any more
        return


def identity(settings: Settings) -> tuple[int, int, str]:
    """Return the numbers of user and group, and the name of the user, if it has one.

    Raises:
        SettingsError: there is no such user or group.
    """
    import grp
    import pwd

    user, group, name = os.geteuid(), os.getegid(), ""
    try:
        if settings.user:
            entry = pwd.getpwuid(int(settings.user)) if is_number(settings.user) else pwd.getpwnam(settings.user)
            user, group, name = entry.pw_uid, entry.pw_gid, entry.pw_name
    except KeyError:
        if not is_number(settings.user):
            raise SettingsError(f"there is no user {settings.user!r}.", "See getent passwd.") from None
        user = group = int(settings.user)
    try:
        if settings.group:
            group = int(settings.group) if is_number(settings.group) else grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise SettingsError(f"there is no group {settings.group!r}.", "See getent group.") from None
    return user, group, name


def is_number(text: str) -> bool:
    """Tell whether this is the number of a user or a group, who need have no name: the highest there could be means
    that nothing is to change.
    """
    return text.isdigit() and int(text) < HIGHEST


def home_of(name: str) -> str:
    """Return the home folder of a user."""
    import pwd

    return pwd.getpwnam(name).pw_dir
