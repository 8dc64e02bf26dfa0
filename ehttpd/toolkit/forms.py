"""What HTML forms send: fields, and files that come with them.

The URL standard's application/x-www-form-urlencoded; RFC 7578 for multipart/form-data, whose octets the extra ``forms``
takes apart.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator

from ehttpd.errors import BadRequest, ContentTooLarge, HandlerError
from ehttpd.messages import Request
from ehttpd.toolkit.bodies import (
    READ_AT_ONCE,
    check_coding,
    check_length,
    kept_of,
    media_type,
    pieces_of,
    read_all,
    text_in,
)
from ehttpd.toolkit.query import MOST_PAIRS, MultiMap, Query, TextMap
from ehttpd.toolkit.refusals import UnsupportedMediaType
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO, Any

    from multipart import MultipartSegment, PushMultipartParser

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
IN_MEMORY = 1 << 16  # Octets of one upload. What is longer goes to a temporary file.
MOST_FILES = 100  # Each may have a descriptor, of which a process has some thousands at best, often 1024.
LONGEST_TEXTS = 1 << 20  # Octets of all fields that are no files: they stay in memory.


class Upload:
    """A file that came with a form.

    ``name`` is that of the field, ``filename`` what the client called it, without any path or control character, and
    ``content_type`` what it said that it is. ``file`` has ``size`` octets and is open at its beginning, until the
    upload is let go.
    """

    def __init__(self, name: str, filename: str, content_type: str) -> None:
        self.name = name
        last = "".join(filter(str.isprintable, filename)).replace("\\", "/").rpartition("/")[2]
        self.filename = "" if last in (".", "..") else last
        self.content_type = content_type
        self.size = 0
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="ehttpd-upload-")  # noqa: SIM115

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file. Raises OSError."""
        with open(path, "wb") as target:
            self.file.seek(0)
            for piece in iter(lambda: self.file.read(READ_AT_ONCE), b""):
                target.write(piece)

    def __del__(self) -> None:
        self.file.close()

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r}, {self.size} octets>"


class Form(TextMap):
    """The fields of a form, by name, and its ``files``."""

    __slots__ = ("files",)

    def __init__(self, fields: Iterable[tuple[str, str]] = (), files: Iterable[tuple[str, Upload]] = ()) -> None:
        super().__init__(fields)
        self.files: MultiMap[Upload] = MultiMap(files)


class MultipartForm(Form):
    """A form that came as multipart/form-data."""

    __slots__ = ()

    @classmethod
    def parse(cls, pieces: Iterable[bytes], boundary: str) -> MultipartForm:
        """Take a form apart.

        Raises:
            BadRequest: it is broken, or ends too early (RFC 7578, RFC 2046 §5.1.1).
            UnsupportedMediaType: a part is in a charset that is not known here.
            ContentTooLarge: it has more than a hundred files, a thousand parts, or a mebibyte of text.
            HandlerError: the extra ``forms`` is not installed.
        """
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, Upload]] = []
        parts = _Parts(_parser(boundary))
        try:
            for segment in parts.segments(pieces):
                name = segment.name or ""
                if segment.filename is None:
                    fields.append((name, parts.text(segment.charset or "utf-8")))
                else:
                    upload = Upload(name, segment.filename, segment.content_type or "application/octet-stream")
                    parts.copy_to(upload)
                    if upload.filename or upload.size:  # else no file was chosen
                        files.append((upload.name, upload))
                    if len(files) > MOST_FILES:
                        raise ContentTooLarge(f"A form may have {MOST_FILES} files.")
        except ValueError as error:
            raise _refusal(error) from None
        return cls(fields, files)


def _parser(boundary: str) -> PushMultipartParser:
    try:
        from multipart import PushMultipartParser
    except ImportError:
        raise HandlerError('Forms with files need a parser. Install it: pip install "ehttpd[forms]"') from None
    try:
        return PushMultipartParser(boundary, max_segment_count=MOST_PAIRS, strict=True)
    except ValueError as error:
        raise _refusal(error) from None


def _refusal(error: ValueError) -> BadRequest | ContentTooLarge:
    if type(error).__name__ == "ParserLimitReached":
        return ContentTooLarge(f"A form may have {MOST_PAIRS} parts with short fields of their own.")
    return BadRequest(f"The body must be multipart/form-data: {error}.")


class _Parts:
    """The parts of a form, one after the other. The data of one must be taken before the next is asked for."""

    def __init__(self, parser: PushMultipartParser) -> None:
        self._parser = parser
        self._events: Iterator[Any] = iter(())
        self._texts = 0

    def segments(self, pieces: Iterable[bytes]) -> Iterator[MultipartSegment]:
        self._events = self._parsed(pieces)
        return self._events

    def _parsed(self, pieces: Iterable[bytes]) -> Iterator[Any]:
        with self._parser:
            for piece in pieces:
                try:
                    yield from self._parser.parse(piece)
                except ValueError:
                    if self._has_ended():
                        return
                    raise

    def _has_ended(self) -> bool:
        """Tell whether the form had ended before what the parser has refused. RFC 2046 §5.1.1: that is to be ignored.

        It ignores it by itself in the piece that has the end, and refuses it in the next one, even if that is but CRLF.
        """
        try:
            self._parser.close()  # type: ignore[no-untyped-call]
        except ValueError:
            return False
        return True

    def _data(self) -> Iterator[bytes]:
        for event in self._events:
            if event is None:
                return
            yield event

    def text(self, charset: str) -> str:
        """Return the current part as text, in which what is none becomes U+FFFD.

        RFC 7578 §5.1.2: a part may be in another charset than UTF-8, and says so; some programs send ISO 8859-1.
        """
        data = []
        for piece in self._data():
            self._texts += len(piece)
            if self._texts > LONGEST_TEXTS:
                raise ContentTooLarge(f"The fields of a form may have {LONGEST_TEXTS} octets, files apart.")
            data.append(piece)
        return text_in(charset, b"".join(data), "replace")

    def copy_to(self, upload: Upload) -> None:
        for piece in self._data():
            upload.size += len(piece)
            upload.file.write(piece)
        upload.file.seek(0)


def read_form(request: Request, limit: int | None = None) -> Form:
    """Return the form that the body is. It is kept: who asks again gets it again.

    Raises:
        BadRequest: it is broken.
        UnsupportedMediaType: it is no form, or compressed, or in a charset that is not known here.
        ContentTooLarge: it is longer than ``limit``, or has too many fields or files.
        HandlerError: the extra ``forms`` is needed, and not installed.
    """
    kept = kept_of(request)
    form: Form | None = kept.get("form")
    if form is None:
        form = kept["form"] = _read_form(request, limit)
    return form


def _read_form(request: Request, limit: int | None) -> Form:
    check_coding(request)
    type_name, parameters = media_type(request)
    if type_name == URLENCODED:
        return Form(Query.parse_raw(read_all(request, limit)).pairs)
    if type_name != MULTIPART:
        raise UnsupportedMediaType(f"The body must be {URLENCODED} or {MULTIPART}. Found {type_name[:60]!r}.")
    check_length(request.content_length or 0, limit)
    return MultipartForm.parse(pieces_of(request, limit), parameters.get("boundary", ""))
