"""A folder of files as a handler, which nobody is led out of.

The handler author's. How one file is sent is files.py.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from ehttpd.errors import HandlerError
from ehttpd.messages import METHODS, Request, Response, percent_decode
from ehttpd.toolkit.files import NOTHING_THERE, file_response
from ehttpd.toolkit.media_types import type_of
from ehttpd.toolkit.refusals import NotFound

FOREVER = 31536000  # Seconds: a year is as long as caches are asked to remember.
# RFC 8615: what begins with a dot is private, but for this.
WELL_KNOWN = ".well-known"


def safe_join(root: str | os.PathLike[str], *parts: str) -> Path:
    """Return the path of ``parts``, joined, below the folder ``root``; links are followed, and end below it, too.

    A part may have several segments, with slashes between. There need not be anything at the path. Who may change the
    folder's links while it is read is trusted.

    Raises:
        NotFound: a segment is empty, ``.`` or ``..``, contains a backslash or NUL, or would once it is percent-decoded
            again; or a link leads out of the folder.
    """
    segments = [segment for part in parts for segment in part.split("/")]
    if not all(map(_is_safe, segments)):
        raise NotFound("There is no such file.")
    base = os.path.realpath(root)
    try:
        path = os.path.realpath(os.path.join(base, *segments))
    except ValueError:  # it cannot be the name of a file in this system's encoding
        raise NotFound("There is no such file.") from None
    if path != base and not path.startswith(base.rstrip(os.sep) + os.sep):
        raise NotFound("There is no such file.")
    return Path(path)


def _is_safe(segment: str) -> bool:
    """Tell whether a segment is a name, and nothing else to whoever decodes it once more."""
    return _is_name(segment) and _is_name(_decoded(segment))


def _is_name(segment: str) -> bool:
    return segment not in ("", ".", "..") and not any(character in segment for character in "/\\\0")


def _decoded(segment: str) -> str:
    """Return a segment percent-decoded. What is no UTF-8 stands for itself, as in the names of files."""
    if "%" not in segment:
        return segment
    octets = segment.encode("utf-8", "surrogateescape").decode("latin-1")
    return percent_decode(octets).decode("utf-8", "surrogateescape")


class StaticFiles:
    """A handler that answers GET and HEAD with the files below the folder ``root``.

    ``index`` is what a folder is shown as, if it has such a file (None: nothing); ``listing``: a folder without one is
    shown as a page of links. Caches may keep a file for ``max_age`` seconds, and for ever one whose path below ``root``
    the regular expression ``immutable`` is found in, such as ``r"\\.[0-9a-f]{8}\\."``. A file beside another with
    ``.br``, ``.zst`` or ``.gz`` behind its name is sent to who prefers that. Names that begin with a dot are neither
    served nor listed, but for ``.well-known``.

    Raises:
        HandlerError: ``root`` is no folder. Any thread may call it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        index: str | None = "index.html",
        listing: bool = False,
        immutable: str | re.Pattern[str] | None = None,
        max_age: int | None = None,
    ) -> None:
        if not os.path.isdir(root):
            raise HandlerError(f"Static files are served from a folder. {os.fspath(root)!r} is none.")
        self._root = root
        self._index = index
        self._listing = listing
        self._immutable = None if immutable is None else re.compile(immutable)
        self._max_age = max_age

    def __call__(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            NotFound: there is nothing to be served under its path.
        """
        if request.method not in METHODS:
            return Response.error("Not Implemented\n", 501)  # RFC 9110 §9.1
        if request.method not in ("GET", "HEAD"):
            return Response.method_not_allowed("GET, HEAD")
        *segments, last = (_decoded(segment) for segment in request.raw_path[1:].split("/"))
        for_folder = not last
        if last:
            segments.append(last)
        if not all(_is_public(segment) and "/" not in segment for segment in segments):
            raise NotFound("There is no such file.")
        path = safe_join(self._root, *segments)
        try:
            if not path.is_dir():
                return self._file(request, path, segments, for_folder)
            return self._folder(request, path, segments) if for_folder else _redirect_to_folder(request)
        except PermissionError:
            return Response.forbidden()
        except OSError as error:
            if error.errno in NOTHING_THERE:
                raise NotFound("There is no such file.") from None
            raise

    def _file(self, request: Request, path: Path, segments: Sequence[str], for_folder: bool) -> Response:
        if for_folder:
            raise NotFound("There is no such folder.")
        name = "/".join(segments)
        headers = self._caching(name)
        return file_response(
            path, headers, request, type_of(name), download=False, accept_ranges=True, precompressed=True
        )

    def _caching(self, name: str) -> list[tuple[str, str]]:
        # Not public: shared caches would then give to everybody what was for who had a password (RFC 9111 §3.5).
        if self._immutable is not None and self._immutable.search(name):
            return [("Cache-Control", f"max-age={FOREVER}, immutable")]
        return [] if self._max_age is None else [("Cache-Control", f"max-age={self._max_age}")]

    def _folder(self, request: Request, path: Path, segments: Sequence[str]) -> Response:
        if self._index is not None:
            try:
                return self._file(
                    request, safe_join(self._root, *segments, self._index), [*segments, self._index], False
                )
            except NotFound:
                pass
        if not self._listing:
            raise NotFound("There is no such file.")
        return Response.html("".join(_page(path, segments)))


def _is_public(segment: str) -> bool:
    return not segment.startswith(".") or segment == WELL_KNOWN


def _redirect_to_folder(request: Request) -> Response:
    """Have a folder asked for with the slash at its end that the links in it count on, wherever it is mounted."""
    # The dot keeps a name like "a:b" or an empty one from being read as more than a name.
    location = f"./{request.raw_path.rpartition('/')[2]}/"
    return Response.redirect(f"{location}?{request.raw_query}" if request.raw_query else location, 302)


def _is_listed(entry: os.DirEntry[str]) -> bool:
    """Tell whether something in a folder is shown: not by a name that is refused."""
    return _is_public(entry.name) and _is_safe(entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _page(path: Path, segments: Sequence[str]) -> Iterator[str]:
    """Yield a page of links to what is in a folder: folders first, each by name."""
    title = html.escape("/" + "".join(f"{segment}/" for segment in segments).encode("utf-8", "replace").decode())
    yield f"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    if segments:
        yield '<li><a href="../">../</a>\n'
    with os.scandir(path) as entries:
        names = sorted((not _is_folder(entry), entry.name) for entry in entries if _is_listed(entry))
    for is_file, name in names:
        slash = "" if is_file else "/"
        shown = html.escape(name.encode("utf-8", "replace").decode())
        yield f'<li><a href="./{quote(os.fsencode(name), safe="")}{slash}">{shown}{slash}</a>\n'
    yield "</ul>\n</html>\n"
