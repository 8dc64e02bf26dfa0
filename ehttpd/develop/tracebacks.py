"""An exception as a page: the lines around each place it passed, and how it came about.

For the eyes of whoever writes the application. Reads source and local variables, so it is never for production: only
child.py uses it, which only ``ehttpd dev`` starts. Values are shown when they are asked for, secrets never.
"""

from __future__ import annotations

import linecache
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from html import escape
from types import FrameType

from ehttpd.server.stacks import HOUSE

AROUND = 4  # lines of source above and below
LONGEST = 400  # characters of a value
MOST_FRAMES = 60  # of a recursion without end, the outermost and the innermost half
FOREIGN = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}", f"{os.sep}lib{os.sep}python", "<frozen ")
SECRET = re.compile(r"passw|secret|token|credential|auth|cookie|session|api_?key|private", re.IGNORECASE)

STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8889; --hot: #d63b2f; --own: #8881 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 68rem }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; color: var(--hot); overflow-wrap: anywhere; white-space: pre-wrap }
h2 { font-size: 1rem; font-weight: 600; margin: 2rem 0 .5rem; color: var(--soft) }
pre, code, summary, td { font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.where { color: var(--soft); margin: 0 0 1.5rem }
.note { white-space: pre-wrap; margin: .5rem 0 }
article, details.foreign { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; overflow: hidden }
article > p, details.foreign > summary { margin: 0; padding: .45rem .9rem; background: var(--own); cursor: default }
details.foreign > summary { cursor: pointer; color: var(--soft) }
details.foreign article { margin: .6rem }
.source { margin: 0; padding: .4rem 0; overflow-x: auto }
.source span { display: block; padding: 0 .9rem; min-width: max-content }
.source i { display: inline-block; width: 3.5em; color: var(--soft); font-style: normal; user-select: none }
.source .at { background: color-mix(in srgb, var(--hot) 18%, transparent) }
details.values { border-top: 1px solid var(--line) }
details.values summary { padding: .3rem .9rem; color: var(--soft); cursor: pointer }
table { border-spacing: 0; padding: 0 .9rem .6rem } td { vertical-align: top; padding: .1rem 1rem .1rem 0 }
td + td { overflow-wrap: anywhere; white-space: pre-wrap }
footer { color: var(--soft); margin-top: 2rem }
"""
# Asks which start of the application answers, and loads the page anew when it is another.
RELOADING = """
const asked = document.currentScript.dataset;
setInterval(async () => {
  try {
    const answer = await fetch(asked.path, {cache: "no-store"});
    if ((await answer.text()).trim() !== asked.generation) location.reload();
  } catch { }
}, 700);
"""
GENERATION_PATH = "/__ehttpd_dev__/generation"


def page(title: str, where: str, content: str, generation: int) -> str:
    """Return a page that loads itself again when the application has been started again."""
    return encodable(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<style>{STYLE}</style><h1>{escape(title)}</h1><p class="where">{escape(where)}</p>{content}'
        "<footer>Save a file, and this page loads itself again. Shown by <code>ehttpd dev</code> only.</footer>"
        f'<script data-path="{GENERATION_PATH}" data-generation="{generation}">{RELOADING}</script></html>'
    )


def page_of(error: BaseException, where: str, generation: int) -> str:
    """Return the page of an exception. ``where`` says what was done."""
    parts = "".join(chapter(each, relation) for each, relation in history(error))
    return page(headline(error), where, parts, generation)


def text_of(error: BaseException) -> str:
    """Return an exception as the interpreter would print it."""
    return encodable("".join(traceback.format_exception(error)))


def encodable(text: str) -> str:
    """Return text with surrogates, such as of file names that are no UTF-8, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def headline(error: BaseException) -> str:
    """Return the type and the whole message: what is behind the place of an error of syntax, and before the notes."""
    return next(part for part in traceback.format_exception_only(error) if not part.startswith(" ")).strip()


def history(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield an exception, what it came from and so on, each with how it led to the one before."""
    seen: set[int] = set()
    each: BaseException | None = error
    relation = ""
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each, relation
        if each.__cause__ is not None:
            each, relation = each.__cause__, "It was raised because of"
        elif not each.__suppress_context__:
            each, relation = each.__context__, "It was raised while this was handled"
        else:
            each = None


def chapter(error: BaseException, relation: str) -> str:
    """Return one exception: its notes, and its frames from the innermost outwards; foreign ones are folded."""
    head = f"<h2>{escape(relation)}: {escape(headline(error))}</h2>" if relation else ""
    notes = "".join(f'<p class="note">{escape(str(note))}</p>' for note in getattr(error, "__notes__", ()))
    frames = [frame for frame in traceback.walk_tb(error.__traceback__) if not is_house(frame[0].f_code.co_filename)]
    if len(frames) > MOST_FRAMES:
        frames = frames[: MOST_FRAMES // 2] + frames[-MOST_FRAMES // 2 :]
    shown = "".join(grouped(list(reversed(frames))))
    return head + notes + syntax(error) + shown


def grouped(frames: list[tuple[FrameType, int]]) -> Iterator[str]:
    """Yield the frames; those of other people's code that follow each other are folded together."""
    foreign: list[str] = []
    for frame, line in frames:
        if is_foreign(frame.f_code.co_filename):
            foreign.append(article(frame, line))
            continue
        yield folded(foreign)
        foreign = []
        yield article(frame, line)
    yield folded(foreign)


def folded(articles: list[str]) -> str:
    """Return frames that are shown when they are asked for."""
    if not articles:
        return ""
    many = "frame" if len(articles) == 1 else "frames"
    return f'<details class="foreign"><summary>{len(articles)} {many} of installed code</summary>{"".join(articles)}</details>'  # fmt: skip  # noqa: E501


def article(frame: FrameType, line: int) -> str:
    """Return one frame: where it is, the source around it, its variables."""
    code = frame.f_code
    place = f"<p><code>{escape(shown(code.co_filename))}:{line}</code> in <code>{escape(code.co_qualname)}</code></p>"
    return f"<article>{place}{source(code.co_filename, line)}{values(frame.f_locals)}</article>"


def source(filename: str, line: int) -> str:
    """Return the lines around a line."""
    lines = linecache.getlines(filename)
    first = max(1, line - AROUND)
    rows = [
        f'<span{" class=at" if number == line else ""}><i>{number}</i>{escape(text.rstrip()) or " "}</span>'
        for number, text in enumerate(lines[first - 1 : line + AROUND], first)
    ]
    return f'<pre class="source">{"".join(rows)}</pre>' if rows else ""


def syntax(error: BaseException) -> str:
    """Return the place that an error of syntax is about, which no frame has."""
    if not isinstance(error, SyntaxError) or not error.filename or not error.lineno:
        return ""
    place = f"<p><code>{escape(shown(error.filename))}:{error.lineno}</code></p>"
    return f"<article>{place}{source(error.filename, error.lineno)}</article>"


def values(variables: Mapping[str, object]) -> str:
    """Return the variables of a frame, to be shown when they are asked for."""
    rows = [
        f"<tr><td>{escape(name)}</td><td>{escape(value_of(name, value))}</td></tr>"
        for name, value in variables.items()
        if not name.startswith("__")
    ]
    return f'<details class="values"><summary>variables</summary><table>{"".join(rows)}</table></details>' if rows else ""  # fmt: skip  # noqa: E501


def value_of(name: str, value: object) -> str:
    """Return a value as text: short, and not if it is a secret."""
    if SECRET.search(name):
        return "(not shown: its name is that of a secret)"
    try:
        text = repr(value)
    except Exception as error:
        return f"(its repr raised {type(error).__name__})"
    if isinstance(value, Mapping) and SECRET.search(text):
        return f"({type(value).__name__} with {len(value)} entries, not shown: a secret may be among them)"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def is_house(filename: str) -> bool:
    """Tell whether a file is one of ours, or how Python imports."""
    return filename.startswith((HOUSE, "<frozen importlib"))


def is_foreign(filename: str) -> bool:
    """Tell whether a file is other people's."""
    return any(place in filename for place in FOREIGN)


def shown(filename: str) -> str:
    """Return a file name as short as it can be from here."""
    relative = os.path.relpath(filename)
    return filename if relative.startswith("..") else relative
