"""``ehttpd completion bash``: what a shell has to know to complete our words, made from the tables.

Knows the languages of three shells; commands and flags are those of the parsers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple

from ehttpd.commands import COMMANDS
from ehttpd.launch.arguments import Parser
from ehttpd.settings import LogLevel, Settings

HOW = """\
bash:  eval "$(ehttpd completion bash)"                 in ~/.bashrc
zsh:   ehttpd completion zsh > ~/.zfunc/_ehttpd         a folder of $fpath
fish:  ehttpd completion fish > ~/.config/fish/completions/ehttpd.fish"""


class Flag(NamedTuple):
    """A flag that help shows: its names, what it is for, whether a value follows, and which ones there are."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]


class Command(NamedTuple):
    """A command with its flags and the words that it may be given."""

    name: str
    sentence: str
    flags: tuple[Flag, ...]
    words: tuple[str, ...]


def run(words: Sequence[str]) -> int:
    """Print the completion for a shell."""
    shell = make_parser().parse_args(words).shell
    print("\n".join(SHELLS[shell](commands())))
    return 0


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(
        prog="ehttpd completion",
        description=f"Print what a shell needs to complete the words of ehttpd.\n\n{HOW}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def commands() -> list[Command]:
    """Return every command, from its parser."""
    return [command(name, sentence) for name, sentence in COMMANDS.items()]


def command(name: str, sentence: str) -> Command:
    """Return one command."""
    module = import_module(f"ehttpd.commands.{name}")
    parser: argparse.ArgumentParser = module.make_parser()
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    flags = tuple(flag(action) for action in shown if action.option_strings)
    words = [str(word) for action in parser._actions if not action.option_strings for word in action.choices or ()]
    return Command(name, sentence, flags, (*getattr(module, "WORDS", ()), *words))


def flag(action: argparse.Action) -> Flag:
    """Return one flag, with what may follow it if that is one of a few words."""
    entry = Settings.declared().get(action.dest)
    values = tuple(map(str, action.choices or ())) or (entry.unit.CHOICES if entry and entry.unit is LogLevel else ())
    sentence = (action.help or "").replace("%%", "%").partition(".")[0]
    return Flag(tuple(action.option_strings), sentence, action.nargs != 0, values)


def bash(found: list[Command]) -> Iterator[str]:
    """Yield the lines for bash. What is no flag and no command is a file, or a module that bash cannot know."""
    yield "_ehttpd() {"
    yield '    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=run flags="" words=""'
    yield "    COMPREPLY=()"
    yield f'    case " {" ".join(each.name for each in found)} " in'
    yield '        *" ${COMP_WORDS[1]} "*) ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]} ;;'
    yield "    esac"
    yield "    case $before in"
    few = {flag.names: flag.values for command in found for flag in command.flags if flag.values}
    for names, values in few.items():
        yield f'        {"|".join(names)}) COMPREPLY=($(compgen -W "{" ".join(values)}" -- "$word")); return ;;'
    yield "    esac"
    yield "    case $command in"
    for each_command in found:
        flags = " ".join(name for flag in each_command.flags for name in flag.names)
        yield f'        {each_command.name}) flags="{flags}" words="{" ".join(each_command.words)}" ;;'
    yield "    esac"
    yield f'    ((COMP_CWORD == 1)) && words="{" ".join(each.name for each in found)}"'
    yield "    if [[ $word == -* ]]; then"
    yield '        COMPREPLY=($(compgen -W "$flags" -- "$word"))'
    yield "    else"
    yield '        COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "    fi"
    yield "}"
    yield "complete -o default -F _ehttpd ehttpd"


def zsh(found: list[Command]) -> Iterator[str]:
    """Yield the lines for zsh."""
    yield "#compdef ehttpd"
    yield "_ehttpd() {"
    yield "    local command=run"
    yield "    local -a commands"
    yield "    commands=("
    for each in found:
        yield f"        {quoted(f'{each.name}:{each.sentence}')}"
    yield "    )"
    yield "    (( CURRENT > 2 )) && (( ${commands[(I)${words[2]}:*]} )) && command=${words[2]}"
    yield "    (( CURRENT == 2 )) && _describe -t commands command commands"
    yield "    case $command in"
    for each in found:
        yield f"        {each.name})"
        yield "            _arguments -S \\"
        for flag in each.flags:
            for name in flag.names:
                values = f"({' '.join(flag.values)})" if flag.values else "_files"
                value = f":value:{values}" if flag.takes_value else ""
                yield f"                {quoted(f'*{name}[{bracketed(flag.help)}]{value}')} \\"
        rest = f"({' '.join(each.words)})" if each.words else "_files"
        yield f"                {quoted(f'*:what:{rest}')}"
        yield "            ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _ehttpd "$@"; else compdef _ehttpd ehttpd; fi'


def fish(found: list[Command]) -> Iterator[str]:
    """Yield the lines for fish."""
    others = " ".join(each.name for each in found if each.name != "run")
    for each in found:
        yield f"complete -c ehttpd -n __fish_use_subcommand -a {each.name} -d {quoted(each.sentence)}"
    for each in found:
        condition = f"__fish_seen_subcommand_from {each.name}"
        if each.name == "run":
            condition = f"not __fish_seen_subcommand_from {others}"
        for word in each.words:
            yield f"complete -c ehttpd -f -n {quoted(condition)} -a {word}"
        for flag in each.flags:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
            value = f" -x -a {quoted(' '.join(flag.values))}" if flag.values else " -r" if flag.takes_value else ""
            yield f"complete -c ehttpd -n {quoted(condition)} {names}{value} -d {quoted(flag.help)}"


def quoted(text: str) -> str:
    """Return a word for zsh and fish, in single quotes."""
    return "'" + text.replace("'", "’") + "'"


def bracketed(text: str) -> str:
    """Return a text that may stand in brackets of zsh."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
