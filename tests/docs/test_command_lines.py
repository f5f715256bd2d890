"""Every ``harness ...`` that a page shows is one that the command understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("algos/**/*.md")})
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`(harness [a-z][^`]*)`")
LINE = re.compile(r"^(?:\$ |\t)?((?:\.venv/bin/|\$\(BIN\)/)?harness [a-z].*)$", re.M)
GENERATED = "reference.md"  # its usage lines are forms, not commands
HARNESS: Any = typer.main.get_command(app)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def full_lines() -> list[tuple[str, str]]:
    """Page and command line, without the remark that follows it after three spaces."""
    return [
        (name_of(page), re.split(r"\s{3,}", line)[0])
        for page in PAGES
        if page.name != GENERATED
        for block in FENCE.findall(page.read_text(encoding="utf-8"))
        for line in LINE.findall(block)
    ]


def mentions() -> list[tuple[str, str]]:
    """Page and command in the running text, which may lack arguments."""
    return sorted(
        {
            (name_of(page), " ".join(line.split()))
            for page in PAGES
            for line in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        }
    )


def find(words: list[str]) -> tuple[Any, list[str]]:
    """The command that ``words`` begin with, and the rest of them."""
    command, rest = HARNESS, words
    while hasattr(command, "commands"):
        assert rest, f"{' '.join(words)}: lacks a command"
        assert rest[0] in command.commands, f"no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize(("page", "line"), full_lines())
def test_a_command_line_parses(page: str, line: str) -> None:
    _, *words = shlex.split(line)
    command, arguments = find(words)
    command.make_context(words[0], list(arguments))


def options(command: Any) -> set[str]:
    if hasattr(command, "commands"):
        return set().union(*(options(child) for child in command.commands.values()))
    return {name for parameter in command.params for name in parameter.opts} | {"--help"}


@pytest.mark.parametrize(("page", "line"), mentions())
def test_a_mention_names_what_exists(page: str, line: str) -> None:
    words = line.split()[1:]
    command: Any = HARNESS
    while hasattr(command, "commands") and words:
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0].rstrip(".,;") in options(command), f"no option {word}"


def test_they_were_found() -> None:
    assert len(full_lines()) > 40
    assert {page for page, _ in full_lines()} >= {"README.md", "docs/slurm.md", "docs/tutorial.md"}
    assert len(mentions()) > 30
