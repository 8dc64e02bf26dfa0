"""Where certificates and their keys lie: files that belong together, and what a folder has.

The operator's. Looks at names and dates of files only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ehttpd.errors import CertificateError, SettingsError

# What changes when a file is replaced.
Signature: TypeAlias = "tuple[tuple[int, int, int, int], ...]"

CERTIFICATE_ENDS = (".pem", ".crt", ".cer")
# What programs that fetch certificates keep in a folder for each: ACME clients, Kubernetes.
IN_A_FOLDER = (("fullchain.pem", "privkey.pem"), ("fullchain.cer", "privkey.key"), ("tls.crt", "tls.key"))


class Pair(NamedTuple):
    """A file with a certificate, its chain behind it, and the file with its key, which may be the same."""

    certificate: str
    key: str


def pairs(certificates: Sequence[str], keys: Sequence[str]) -> list[Pair]:
    """Return what belongs together: one key for each certificate, or none where each holds its own; folders may stand
    among certificates, and need no key.

    Raises:
        SettingsError: there are more keys than certificates or fewer.
        CertificateError: a folder has none.
    """
    found: list[Pair] = []
    alone = [name for name in certificates if not os.path.isdir(name)]
    if keys and len(keys) != len(alone):
        raise SettingsError(
            f"there are {len(alone)} certificates and {len(keys)} keys.",
            "Give one --keyfile for each --certfile, in the same order; or none, if each file has its key in it.",
        )
    key_of = dict(zip(alone, keys or alone, strict=True))
    for name in certificates:
        found += [Pair(name, key_of[name])] if name in key_of else in_folder(name)
    return found


def in_folder(folder: str) -> list[Pair]:
    """Return the certificates of a folder and its subfolders, in the order of their names. Raises CertificateError."""
    try:
        found = list(_of_folder(folder))
    except OSError as error:
        raise CertificateError(
            f"cannot read the folder {error.filename!r}: {error.strerror}.", "Check --certfile."
        ) from None
    if not found:
        raise CertificateError(
            f"there is no certificate with its key in the folder {folder!r}.",
            "It may hold NAME.crt or NAME.pem, beside NAME.key or with the key in it,\n"
            "and folders with fullchain.pem and privkey.pem, or with tls.crt and tls.key.",
        )
    return found


def _of_folder(folder: str) -> Iterator[Pair]:
    names = sorted(os.listdir(folder))
    for certificate, key in IN_A_FOLDER:
        if certificate in names and key in names:
            yield Pair(os.path.join(folder, certificate), os.path.join(folder, key))
            return  # what lies beside them is parts of the same
    for name in names:
        path = os.path.join(folder, name)
        stem, end = os.path.splitext(path)
        if os.path.isdir(path):
            if not name.startswith("."):
                yield from _of_folder(path)
        elif end in CERTIFICATE_ENDS and not stem.endswith("-key"):
            keys = [key for key in (f"{stem}.key", f"{stem}-key.pem") if os.path.exists(key)]
            if keys or _has_key(path):
                yield Pair(path, keys[0] if keys else path)


def _has_key(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"PRIVATE KEY-----" in file.read()
    except OSError:
        return False


def signature(*names: str) -> Signature:
    """Return what changes when one of these files is replaced or written. A file that is missing has one, too."""
    return tuple(_state(name) for name in names if name)


def _state(name: str) -> tuple[int, int, int, int]:
    try:
        status = os.stat(name)
    except OSError:
        return (0, 0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
