"""Files as pieces for the kernel to send: what their descriptors hold."""

from __future__ import annotations

import io
import os
import tempfile
import threading

import pytest

from ehttpd.messages import FileBody
from ehttpd.server.files import closing, length_of, pieces_of


def test_what_a_file_has_in_its_buffer_is_written_before_it_is_sent() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"?bc")
        file.seek(0)
        file.read(1)  # now it has a buffer, which seeking within does not write
        file.seek(0)
        file.write(b"a")
        file.seek(0)
        pieces = pieces_of(FileBody(file))
        assert pieces is not None
        assert length_of(pieces) == 3
        assert os.pread(file.fileno(), 3, 0) == b"abc"


def test_where_there_can_be_no_thread_a_file_is_closed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    closed: list[object] = []

    class Watched(io.BytesIO):
        pass

    file = Watched()
    file.close = lambda: closed.append(file)  # type: ignore[method-assign]
    monkeypatch.setattr(threading.Thread, "start", refuse)
    closing(FileBody(file))()
    assert closed == [file]
