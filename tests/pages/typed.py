"""The commands that pages tell their readers to type."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from pathlib import Path

import click

from sidekick.__main__ import cli
from tests.test_docs import DOCUMENTS

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELLS = re.compile(r"^```(?:bash|shell|console|zsh)\n", re.MULTILINE)


def pages() -> list[Path]:
    """The documents with commands in blocks."""
    return [document for document in DOCUMENTS if commands(document.read_text())]


def commands(text: str) -> list[str]:
    """Each command in the blocks of a page, as it is typed; one may go over several lines."""
    assert not _SHELLS.search(text), "blocks of commands begin with ```sh"
    found = []
    for block in _BLOCK.findall(text):
        begun = ""
        for line in block.splitlines():
            begun += line + "\n"
            if not _goes_on(begun):
                found.append(begun.strip())
                begun = ""
        assert not begun, begun
    return [one for one in found if words(one)]


def _goes_on(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quotation is open
        return True
    return text.endswith("\\\n")


def words(command: str) -> list[str]:
    """Its words, without comments."""
    return shlex.split(command, comments=True)


def of_sidekick(text: str) -> list[list[str]]:
    """The words of each call of sidekick in the blocks of a page, up to what is the shell's."""
    found = []
    for command in commands(text):
        name, *rest = [word for word in words(command) if word != "sudo"]
        if name == "sidekick":
            found.append(list(takewhile(_is_ours, rest)))
    return found


def mentioned(text: str) -> list[list[str]]:
    """The words of those within sentences, in backquotes."""
    found = re.findall(r"`(?:sudo )?sidekick ([a-z][^`…]*)`", re.sub(_BLOCK, "", text))
    return [list(takewhile(_is_ours, shlex.split(arguments))) for arguments in found]


def _is_ours(word: str) -> bool:
    return word not in ("|", ">", "&&")


def is_complete(arguments: list[str]) -> bool:
    """Whether it can be typed as it is: it is more than a command's name, nothing is left out, and
    no word stands for the reader's."""
    if any(re.search(r"\b[A-Z_]{2,}\b|\.\.\.", word) for word in arguments):
        return False
    try:
        parse(arguments)
    except click.BadParameter as error:
        return "does not exist" in str(error)  # the reader's own files
    except click.UsageError:
        return False
    return not _is_a_name(arguments)


def _is_a_name(arguments: list[str]) -> bool:
    command: click.Command | None = cli
    context = click.Context(cli)
    for word in arguments:
        command = command.get_command(context, word) if isinstance(command, click.Group) else None
    return command is not None


def parse(words: list[str]) -> None:
    """Raise ``click.UsageError`` for what the command line would not take."""
    command: click.Command = cli
    context = click.Context(cli, info_name="sidekick")
    while isinstance(command, click.Group):
        if not words or words == ["--help"]:
            return
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    command.make_context("sidekick", words, parent=context)
