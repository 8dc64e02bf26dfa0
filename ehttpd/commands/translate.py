"""``ehttpd translate 'gunicorn -w 4 app:wsgi'``: another server's command in our words, and what differs.

Knows how a command is taken apart; what its flags mean is launch/rivals.py's. Runs nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from ehttpd.errors import SettingsError
from ehttpd.launch.arguments import IN_PARTS, Parser
from ehttpd.launch.failures import nearest
from ehttpd.launch.gunicorn_file import read_file
from ehttpd.launch.rivals import APP, NO_ASGI, ONE_KIND, RIVALS, SERVES, Rival, Row, find
from ehttpd.launch.uwsgi_file import read_ini
from ehttpd.settings import Settings

SAYS_WHOM_TO_TRUST = ("--forwarded-allow-ips", "--no-proxy-headers")
USUAL_FILE = "gunicorn.conf.py"  # which gunicorn reads where none is named
SHELLS = r"&&|\|\|?|;|[0-9&]*(>>?|<).*|&"
EXAMPLE = "ehttpd translate 'gunicorn -w 4 -k gthread --threads 8 app:wsgi'"


class Translation:
    """A command in our words, and what is to be said about it."""

    def __init__(self, rival: Rival) -> None:
        self._rows = {name: row for row in rival.rows for name in row.names}
        self._rival = rival
        self.application = ""
        self.attribute = ""
        self.words: list[str] = []
        self.notes: list[str] = []
        self.seen: set[str] = set()
        self.config = ""
        self._settled: frozenset[str] = frozenset()

    def take_weaker(self, words: Sequence[str]) -> None:
        """Translate words from where less counts than before: a setting that was given there is left as it is."""
        self._settled = frozenset(word.split()[0] for word in self.words)
        application = self.application
        self.take(words)
        self.application = application or self.application

    def take_file(self, path: str) -> None:
        """Translate what a gunicorn.conf.py assigns, which counts least."""
        read = read_file(path)
        self.take_weaker(read.words)
        self.application = self.application or read.application
        self.notes += [f"{line}; left out" for line in read.left_out]

    def take(self, words: Sequence[str]) -> None:
        """Translate words of the other server's command line."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-") or word == "-":
                self._take_word(word)
                continue
            name, equals, value = self._apart(word)
            row = self._rows.get(name)
            if row is None:
                self._unknown(name, equals, rest)
                continue
            if row.takes_value and not equals:
                value = rest.pop(0) if rest else ""
            self._take(row, name, value)

    def _take_word(self, word: str) -> None:
        """Translate what is no flag: the application, or a file of uWSGI's, which may stand alone."""
        if self._rival is RIVALS["uwsgi"] and word.partition(":")[0].endswith(".ini"):
            self.take(["--ini", word])
        else:
            self.application = word

    def _apart(self, word: str) -> tuple[str, str, str]:
        """Return the flag, whether a value is in the same word, and that. A letter may have it directly behind, or
        behind a sign that argparse, which reads gunicorn's words, takes away.
        """
        if word.startswith("--"):
            return word.partition("=")
        return (word[:2], "=", word[2:].removeprefix("=")) if len(word) > 2 else (word, "", "")

    def _take(self, row: Row, name: str, value: str) -> None:
        self.seen.add(name)
        if row.socket and ":" not in value:
            value = f"unix:{value}"
        if name in ("-c", "--config") and value:
            self.config = self.config or file_of(value)
        elif name == "--ini" and value:
            self.take(read_ini(value))
        if row.ours == APP:
            self.application = value
        elif row.ours.startswith(":"):
            self.attribute = value
        elif row.ours and row.ours.split()[0] in self._settled:
            return
        elif row.ours and row.ours.split()[0] not in our_flags():
            self.notes.append(f"{name}: has no counterpart; left out")
            return
        elif row.ours and (expected := misfit(row.ours, value)):
            self.notes.append(f"{name} {value}: here it must be {expected}; left out")
            return
        elif row.ours:
            self.words.append(row.ours.format(quoted(value)))
        note = NO_ASGI if row.note in (ONE_KIND, SERVES) and is_asgi(value) else row.note
        if note:
            self.notes.append(f"{name}{f' {value}' if value else ''}: {note}")

    def _unknown(self, name: str, equals: str, rest: list[str]) -> None:
        """Leave out what has no row, and its value if one seems to follow: what else would name the application?"""
        follows = not equals and bool(rest) and not rest[0].startswith("-")
        valued = follows and (bool(self.application) or self._name_application(rest[1:]))
        value = f" {rest.pop(0)}" if valued else ""
        near = nearest(name, self._rows)
        self.notes.append(f"{name}{value}: not known here; left out{f'. Did you mean {near[0]}?' if near else ''}")

    def _name_application(self, words: Sequence[str]) -> bool:
        """Tell whether the application is among these words."""
        rest = iter(words)
        for word in rest:
            if not word.startswith("-"):
                return True
            name, equals, _ = self._apart(word)
            row = self._rows.get(name)
            if row is not None and row.ours == APP:
                return True
            if row is not None and row.takes_value and not equals:
                next(rest, "")
        return False

    def differences(self) -> Iterator[str]:
        """Yield what is different whatever the flags are, and whom the other server believes if they do not say it."""
        if self._rival.trusts and not any(word.startswith(SAYS_WHOM_TO_TRUST) for word in self.words):
            yield self._rival.trusts
        yield from self._rival.differs

    def command(self) -> str:
        """Return the command in our words, with what the other server does unasked."""
        given = {word.split()[0] for word in self.words} | {word.replace("--no-", "--") for word in self.seen}
        if "--bind" in given:
            given |= {"--host", "--port"}
        silent = [words for words in self._rival.silent if words.split()[0] not in given]
        named = self.application + (f":{self.attribute}" if self.attribute and ":" not in self.application else "")
        return " ".join(["ehttpd", *([quoted(named)] if named else []), *self.words, *silent])


def run(words: Sequence[str]) -> int:
    """Print the translation of ``words``, and return the exit code."""
    command = make_parser().parse_args(words).words
    text = command[0] if len(command) == 1 else shlex.join(command)
    print("\n".join(lines(text, os.environ)))
    return 0


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(
        prog="ehttpd translate",
        usage="ehttpd translate 'COMMAND'",
        description=f"Tell a command of {', '.join(RIVALS)} in our words, and what differs.\n\n{EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER)
    return parser


def lines(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the command in our words, and what is to be said as comments of a shell.

    Raises:
        SettingsError: the command is none that can be translated.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SettingsError(f"the command cannot be taken apart: {str(error).lower()}.", EXAMPLE) from None
    found = [number for number, word in enumerate(words) if find(os.path.basename(word)) is not None]
    if not found:
        raise SettingsError(f"it is a command of none of {', '.join(RIVALS)}.", EXAMPLE)
    torn = next((word for word in words if word.count("$(") and word.count("(") > word.count(")")), "")
    if torn:
        raise SettingsError(f"the command cannot be taken apart at {torn!r}.", 'Put $(…) into quotes: "$(…)".')
    before, after = words[: found[0]], words[found[0] + 1 :]
    end = next((number for number, word in enumerate(after) if is_shells(word)), len(after))
    after, behind = after[:end], after[end:]
    rival = find(os.path.basename(words[found[0]]))
    assert rival is not None
    translation = Translation(rival)
    translation.take(after)
    if rival is RIVALS["gunicorn"]:
        take_unsaid(translation, environment.get("GUNICORN_CMD_ARGS", ""))
    yield " ".join([*map(quoted, before), translation.command(), *map(quoted, behind)])
    yield from (f"# {note}" for note in [*translation.notes, *translation.differences()])


def take_unsaid(translation: Translation, variables: str) -> None:
    """Translate what gunicorn reads besides its command line: what its variable says, then the file that this names, or
    else the one that is here.
    """
    if variables:
        translation.take_weaker(shlex.split(variables))
        translation.notes.append(f"GUNICORN_CMD_ARGS={variables!r} is in this translation; ehttpd does not read it")
    if translation.config:
        translation.take_file(translation.config)
    elif os.path.isfile(USUAL_FILE):
        translation.take_file(USUAL_FILE)
        translation.notes.append(f"{USUAL_FILE} is here, and gunicorn reads it: what it assigns is in this translation")


def file_of(place: str) -> str:
    """Return the file that ``--config`` of gunicorn names: as such, or as a module."""
    if place.startswith("python:"):
        return place.removeprefix("python:").replace(".", os.sep) + ".py"
    return place.removeprefix("file:")


def quoted(word: str) -> str:
    """Return a word as a shell reads it. Variables in it are still the shell's to replace."""
    if is_shells(word):
        return word
    if "$" not in word:
        return shlex.quote(word)
    return '"' + re.sub(r'(["\\`])', r"\\\1", word) + '"'


def is_shells(word: str) -> bool:
    """Tell whether a word is none of a command, but a shell's between two commands, or for where the output goes."""
    return re.fullmatch(SHELLS, word) is not None


def is_asgi(value: str) -> bool:
    """Tell whether a kind of worker, or an interface, is for ASGI applications."""
    return "asgi" in value.lower() or "uvicorn" in value.lower()


def misfit(template: str, value: str) -> str:
    """Return what a value must be here, if it is none for this setting; nothing if it is. A shell's variable may be."""
    flag, _, written = template.partition(" ")
    entry = next((each for each in Settings.declared().values() if flag in each.flags), None)
    if entry is None or not written or "$" in value:
        return ""
    try:
        entry.read(written.format(value))
    except ValueError as expected:
        return str(expected)
    return ""


def our_flags() -> set[str]:
    """Return every flag that there is here."""
    table = Settings.declared().values()
    parts = {f"--{name.replace('_', '-')}" for name in IN_PARTS}
    return {flag for entry in table for flag in (*entry.flags, *entry.aliases, entry.opposite)} | parts
