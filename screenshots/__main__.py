"""Serve a shop, have customers, and take pictures of what an operator sees: ``make screenshots``.

Needs Chromium for the page; without it, only that of the terminal is taken.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from screenshots.shop import customers
from screenshots.terminal import last_screen, picture

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLUMNS, LINES = 100, 24
SIZE = (1240, 1060)  # of the page
WARM_UP = 185.0  # seconds, for charts that are full
PAGES = {"status.png": "1", "status-dark.png": "0"}  # Chromium's numbers for who prefers light and dark


def main() -> int:
    """Take the pictures."""
    seconds = float(os.environ.get("SCREENSHOT_SECONDS", WARM_UP))
    words = [sys.executable, "-m", "ehttpd", "screenshots.shop:application", "--bind", "127.0.0.1:0", "--threads", "16",
             "--admin", "127.0.0.1:0"]  # fmt: skip
    server = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    over = threading.Event()
    try:
        port, admin = addresses(server)
        for thread in customers(port, over):
            thread.start()
        time.sleep(seconds)
        top = [sys.executable, "-m", "ehttpd", "top", admin]
        (DOCS / "top.svg").write_text(picture(last_screen(top, COLUMNS, LINES, 20.0), COLUMNS), "utf-8")
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            print("There is no Chromium here: the pictures of the page stay as they are.")
        for name, preferred in PAGES.items() if browser else ():
            photograph(str(browser), f"http://{admin}/status", DOCS / name, preferred)
    finally:
        over.set()
        server.terminate()
        server.communicate()
    return 0


def addresses(server: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the port of a server that starts, and its admin address."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"listen=http://[\d.]+:(\d+).* admin=http://(\S+)", line):
            return int(found[1]), found[2]
    raise SystemExit("The server did not start.")


def photograph(browser: str, url: str, file: Path, preferred: str) -> None:
    """Take a picture of a page."""
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=900",
         f"--blink-settings=preferredColorScheme={preferred}", f"--window-size={SIZE[0]},{SIZE[1]}",
         f"--screenshot={file}", url],
        check=True, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
