"""A real browser: a page with its style and script, a sound that is searched, an event stream and a WebSocket.

Knows how Chromium is started and what a page can tell. Skips where there is none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ehttpd.native import Event, Request, Response, Router, StaticFiles, WebSocket
from ehttpd.testing import ReceivedRequest, TestServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--no-proxy-server",
    "--mute-audio", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PATIENCE = 45.0  # Seconds, on a machine that is busy.
MINUTES = 10

PAGE = """<!doctype html>
<title>Everything</title>
<link rel="stylesheet" href="style.css">
<p id="styled">text</p>
<video id="video" src="sound.wav" preload="metadata"></video>
<script type="module" src="page.js"></script>
"""

SCRIPT = """
const event = (target, name) => new Promise(resolve => target.addEventListener(name, resolve, {once: true}));

async function search() {
    const video = document.getElementById("video");
    if (video.readyState < 1) await event(video, "loadedmetadata");
    video.currentTime = 500;
    await event(video, "seeked");
    return [Math.round(video.duration), video.currentTime, video.error];
}

async function listen() {
    const source = new EventSource("/events"), heard = [];
    for (const name of ["tick", "tick", "end"]) heard.push((await event(source, name)).data);
    source.close();
    return heard;
}

async function talk() {
    const socket = new WebSocket("ws://" + location.host + "/talk", "shout");
    await event(socket, "open");
    socket.send("h\\u00e9llo");
    const answer = (await event(socket, "message")).data;
    socket.close(1000, "bye");
    const closed = await event(socket, "close");
    return [answer, socket.protocol, closed.code, closed.wasClean];
}

const seen = {
    color: getComputedStyle(document.getElementById("styled")).color,
    video: await search(), events: await listen(), socket: await talk(),
};
await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
"""


def shout(websocket: WebSocket) -> None:
    for message in websocket:
        websocket.send(message.upper())


def site(folder: Path) -> Router:
    router = Router()
    router.mount("/", StaticFiles(folder))

    @router.get("/events")
    def events(request: Request) -> Response:
        ticks: list[Event] = [{"event": "tick", "data": "one"}, {"event": "tick", "data": {"two": 2}}]
        return Response.sse([*ticks, {"event": "end", "data": ""}])

    @router.get("/talk")
    def talk(request: Request) -> Response:
        return Response.websocket(shout, subprotocols=["shout"])

    @router.post("/seen")
    def seen(request: Request) -> None:
        return None

    return router


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "style.css").write_text("#styled { color: rgb(1, 2, 3) }")
    (folder / "page.js").write_text(SCRIPT, "utf-8")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * 60 * MINUTES))
    return folder


@contextmanager
def browser(url: str, profile: Path) -> Iterator[None]:
    """Have a browser show a page while the block runs."""
    assert CHROMIUM
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
    with (profile.parent / "chromium.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as run:
        try:
            yield
        finally:
            run.terminate()


def told(server: TestServer) -> ReceivedRequest:
    while (request := server.take(timeout=PATIENCE)).path != "/seen":
        pass
    return request


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_a_page_is_styled_a_sound_searched_events_heard_and_a_socket_spoken_to(folder: Path, tmp_path: Path) -> None:
    with TestServer(site(folder)) as server:
        with browser(f"{server.url}/", tmp_path / "profile"):
            seen = json.loads(told(server).body)
        requests = server.requests
    assert seen == {
        "color": "rgb(1, 2, 3)",
        "video": [60 * MINUTES, 500, None],
        "events": ["one", '{"two": 2}', ""],
        "socket": ["HÉLLO", "shout", 1000, True],
    }
    ranges = [request.headers["range"] for request in requests if request.path == "/sound.wav"]
    starts = [int(asked.removeprefix("bytes=").partition("-")[0]) for asked in ranges]
    assert starts[0] == 0
    # Octets 16000 times 500 on: it went on near there, a little before or, with what it has already, after.
    assert any(7_000_000 < start < 9_000_000 for start in starts)
