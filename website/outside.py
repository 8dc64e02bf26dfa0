"""What the builder of the site is told beyond its configuration: pages lead to files outside of ``docs/``, too.

Those are published as they are, below ``source/``, so that no link of a page needs to be written in two ways. The style
of the site lies here and not among the pages.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(\]\()\.\./([^)\s#]+)")
PUBLISHED = "source"


def on_files(files: Any, config: Any) -> Any:
    """Add the style, and every file outside that a page leads to."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "site.css", abs_src_path=str(ROOT / "website" / "site.css")))
    wanted = {match[1] for page in files.documentation_pages() for match in LINK.findall(page.content_string)}
    for path in sorted(wanted):
        source = ROOT / path
        if source.is_file():
            files.append(File.generated(config, published(path), content=source.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Have links lead to where the files are published. Links to folders become their names."""
    return re.sub(r"\[([^\]]+)\]\(\.\./([^)\s#]+)\)", lambda found: linked(found[1], found[2]), markdown)


def linked(text: str, path: str) -> str:
    """Return a link to a published file, or no more than the text if it cannot be published."""
    return f"[{text}]({published(path)})" if (ROOT / path).is_file() else text


def published(path: str) -> str:
    """Return where a file outside is published. Not as a page, whatever its name ends in."""
    return posixpath.join(PUBLISHED, f"{path}.txt")
