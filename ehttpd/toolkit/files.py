"""Files as responses: whole or in parts, and only to who does not have them already.

RFC 9110 §8.8, §13, §14 and §15.3.7; RFC 6266 for downloads. Which file is asked for is static.py's, or the author's.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLines, Headers
from ehttpd.messages import FileBody, FileParts, Request, Response
from ehttpd.messages.bodies import check_body
from ehttpd.server.clock import imf_fixdate
from ehttpd.toolkit.conditions import early_answer, ranges_apply
from ehttpd.toolkit.media_types import type_of
from ehttpd.toolkit.negotiation import best_coding
from ehttpd.toolkit.ranges import MOST_RANGES, content_range
from ehttpd.toolkit.refusals import NotFound

# The names of files beside another one, and what they are; the smallest first.
NEIGHBOURS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
# A pipe's other end is waited for by nobody, and on Windows octets stay what they are.
AS_IT_IS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What a path means that leads to nothing.
NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)


class Content(NamedTuple):
    """What may be sent of an open file: ``size`` octets from ``start``. ``status`` is that of a whole regular file,
    ``coding`` what it is compressed with beside another.
    """

    file: BinaryIO
    start: int
    size: int
    status: os.stat_result | None = None
    coding: str = ""

    @property
    def etag(self) -> str | None:
        """An entity tag (RFC 9110 §8.8.3): another after every change that the clock of the files notices."""
        if self.status is None:
            return None
        # RFC 9110 §8.8.3.3: what compresses a file gives it the same time, and the sizes may be the same as well.
        coding = self.coding and f"-{self.coding}"
        return f'"{self.status.st_size:x}-{self.status.st_mtime_ns:x}{coding}"'

    @property
    def modified(self) -> float | None:
        return None if self.status is None else self.status.st_mtime


def file_response(
    source: str | os.PathLike[str] | BinaryIO,
    headers: FieldLines | None,
    request: Request | None,
    media_type: str | None,
    download: bool | str,
    accept_ranges: bool,
    precompressed: bool,
) -> Response:  # fmt: skip
    """Return what `Response.file` promises."""
    fields = Headers(headers)
    name = getattr(source, "name", "") if hasattr(source, "read") else os.fspath(source)
    name = os.path.basename(name) if isinstance(name, str) else ""
    if download:
        fields.setdefault("Content-Disposition", attachment(name if download is True else download))
    if media_type:
        fields["Content-Type"] = media_type
    fields.setdefault("Content-Type", type_of(name))
    content = _content(source, request, fields, precompressed)
    if content is None:  # a stream of octets: nobody knows how many
        return Response(source, 200, fields)  # type: ignore[arg-type]
    try:
        return _respond(content, fields, request, accept_ranges)
    except BaseException:
        content.file.close()
        raise


def attachment(name: str) -> str:
    """Return a Content-Disposition that has the content saved under ``name`` (RFC 6266)."""
    plain = "".join(character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name)
    field = f'attachment; filename="{plain}"' if plain else "attachment"
    return field if plain == name else f"{field}; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _content(
    source: str | os.PathLike[str] | BinaryIO, request: Request | None, fields: Headers, precompressed: bool
) -> Content | None:  # fmt: skip
    if not isinstance(source, str | os.PathLike):
        check_body(source)
        return standing(source)
    path = os.fspath(source)
    content = _open(path)
    if not precompressed:
        return content
    neighbours = _neighbours(path, content)
    if neighbours:
        fields.add("Vary", "Accept-Encoding")
    coding = best_coding(request.headers.get("accept-encoding"), neighbours) if request is not None else None
    if coding is None:
        return content
    content.file.close()
    fields["Content-Encoding"] = coding
    return _open(path + NEIGHBOURS[coding])._replace(coding=coding)


def _open(path: str) -> Content:
    """Open a regular file, without waiting for anybody at the other end of a pipe.

    Raises:
        NotFound: there is no regular file of that name. OSError: it cannot be opened.
    """
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)  # opening a device does something to it
        number = os.open(path, os.O_RDONLY | AS_IT_IS) if regular else -1
    except ValueError:  # a NUL in it
        raise NotFound("There is no such file.") from None
    except OSError as error:
        if error.errno in NOTHING_THERE:
            raise NotFound("There is no such file.") from None
        raise
    if number < 0:
        raise NotFound("There is no such file.")
    file = open(number, "rb", buffering=0)  # noqa: SIM115 - closed when it has been sent
    status = os.fstat(number)
    return Content(file, 0, status.st_size, status)


def _neighbours(path: str, content: Content) -> list[str]:
    """Return the codings that there is a file for: a real one, not older than the content."""
    assert content.modified is not None
    found = []
    for coding, end in NEIGHBOURS.items():
        try:
            status = os.lstat(path + end)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime >= content.modified:
            found.append(coding)
    return found


def standing(file: Any) -> Content | None:
    """Return what is left of an open file; None if it cannot tell."""
    try:
        start = file.tell()
        size = max(0, file.seek(0, io.SEEK_END) - start)
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        return None
    return Content(file, start, size)


def _respond(content: Content, fields: Headers, request: Request | None, accept_ranges: bool) -> Response:
    fields.setdefault("Accept-Ranges", "bytes" if accept_ranges else "none")
    if content.etag is not None and content.modified is not None:
        fields.setdefault("ETag", content.etag)
        # RFC 9110 §8.8.2.1: never later than the response itself, whatever the clock of the files says.
        fields.setdefault("Last-Modified", imf_fixdate(min(content.modified, time.time())))
    if request is None:
        return _whole(content, fields)
    early = early_answer(request, fields)
    if early is not None:
        content.file.close()
        return early
    if request.method == "HEAD":
        return _head(content, fields)
    # RFC 9110 §14.2: a Range field means something with GET only.
    wanted = request.range if accept_ranges and request.method == "GET" else None
    if wanted is None or not ranges_apply(request, fields.get("etag"), fields.get("last-modified")):
        return _whole(content, fields)
    parts = wanted.resolve(content.size)
    if not parts and content.size == 0 and wanted.has_suffix:
        return _whole(content, fields)  # no field could tell of a part without octets
    if not parts:
        content.file.close()
        return Response.range_not_satisfiable(content.size)
    if len(parts) > MOST_RANGES:
        return _whole(content, fields)
    return _part(content, fields, *parts[0]) if len(parts) == 1 else _parts(content, fields, parts)


def _whole(content: Content, fields: Headers) -> Response:
    fields["Content-Length"] = str(content.size)
    return _response(FileBody(content.file, count=content.size), 200, fields)


def _head(content: Content, fields: Headers) -> Response:
    content.file.close()
    fields["Content-Length"] = str(content.size)
    return Response(b"", 200, fields)


def _part(content: Content, fields: Headers, first: int, last: int) -> Response:
    fields["Content-Range"] = content_range(first, last, content.size)
    fields["Content-Length"] = str(last - first + 1)
    content.file.seek(content.start + first)
    return _response(FileBody(content.file, count=last - first + 1), 206, fields)


def _response(body: FileBody | FileParts, status: int, fields: Headers) -> Response:
    response = Response(b"", status, fields)
    response.body = body
    return response


def _parts(content: Content, fields: Headers, parts: Sequence[tuple[int, int]]) -> Response:
    """Answer with several parts (RFC 9110 §14.6)."""
    boundary, media_type = os.urandom(12).hex(), fields["Content-Type"]
    pieces = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {content_range(first, last, content.size)}\r\n\r\n".encode("latin-1"),
            content.start + first,
            last - first + 1,
        )
        for first, last in parts
    ]
    body = FileParts(content.file, pieces, f"\r\n--{boundary}--\r\n".encode())
    fields["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    fields["Content-Length"] = str(body.size)
    return _response(body, 206, fields)


def partial_response(
    content: bytes | BinaryIO, first: int, last: int, total: int | None, headers: FieldLines | None,
    media_type: str | None,
) -> Response:  # fmt: skip
    """Return what `Response.partial` promises."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    left = standing(file)
    size = left.size if left is not None and total is None else total
    if left is None or size is None or not 0 <= first <= last < min(size, left.size):
        raise HandlerError(f"Octets {first} to {last} are not within the {size} that there are.")
    fields = Headers(headers)
    if media_type:
        fields["Content-Type"] = media_type
    fields.setdefault("Accept-Ranges", "bytes")
    return _part(left._replace(size=size), fields, first, last)
