"""What the pages beside the tutorial tell a reader to type works, as small as its own options make it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT, Command, blocks_of
from tests.docs.commands import ELSEWHERE, NOT_EXECUTED, PAGES, Shown, all_commands, commands_of, on_slurm
from tests.docs.execute import execute
from tests.docs.small import ADDED, BEFORE, FILLED, make_place

RESULTS = "docs/results/README.md"
LONG = {"README.md"}
"""Pages with so many commands that they are executed by ``make test-slow`` alone."""
QUICK_RESULTS = {
    "harness import docs/results/kl-short.tar.xz --sweep kl-short",
    "harness reproduce figure9 --tier short",
}
SLOW = {
    "harness run --algo acktr --env Breakout --seed 5 --timesteps 1e6 --set …",
    "harness verify-resume --algo acktr --env InvertedPendulum-v5 --timesteps 4000 --seed 1 "
    "--set n_steps=250 -k 8",
    "python tests/benchmarks/sim_schedule.py",
    "harness sweep sweeps/atari6.yaml --wandb online",
    "harness wandb push atari6",
    "harness wandb report atari6",
    *(shown.line for shown in commands_of(RESULTS) if shown.line not in QUICK_RESULTS),
}
"""Executed by ``make test-slow`` alone; with them all other commands of their pages, in their order."""


def executed(page: str) -> list[Shown]:
    return [s for s in commands_of(page) if s.line not in NOT_EXECUTED and not on_slurm(s)]


QUICK_PAGES = [page for page in PAGES if page not in LONG and any(s.line not in SLOW for s in executed(page))]
SLOW_PAGES = [page for page in PAGES if page in LONG or any(s.line in SLOW for s in executed(page))]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_place(tmp_path))
    return tmp_path


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", QUICK_PAGES)
def test_the_commands_of_a_page_work(page: str, place: Path) -> None:
    for line in BEFORE.get(page, ()):
        execute(Command(line))
    for shown in executed(page):
        if shown.line not in SLOW:
            execute(shown.command)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", SLOW_PAGES)
def test_all_commands_of_a_page_work(page: str, place: Path, server: Any, rendering: None) -> None:
    for line in BEFORE.get(page, ()):
        execute(Command(line))
    for shown in executed(page):
        execute(shown.command)


def test_what_is_listed_exists() -> None:
    """A command that no page shows any more is in none of the lists."""
    tutorial = [
        command
        for block in blocks_of(ROOT / "docs" / "tutorial.md")
        if block.language == "console"
        for command in block.commands
    ]
    lines = [one.line for one in (*all_commands(), *tutorial)]
    filled = [FILLED.get(line, line) for line in lines]
    assert set(NOT_EXECUTED) <= set(lines)
    assert set(lines) >= SLOW | QUICK_RESULTS | set(FILLED)
    assert [start for start in ADDED if not any(line.startswith(start) for line in filled)] == []
    assert not set(NOT_EXECUTED) & (SLOW | set(FILLED))
    assert all(reason for reason in NOT_EXECUTED.values())


def test_every_block_of_a_page_is_seen() -> None:
    """What has no language begins with a command, or is one of these two; so a new block is executed."""
    no_commands = {"runs/<sweep>/<algo>/<env>/<hash8>/seed-<k>/", "harness: sweep.yaml:6: "}
    for page in PAGES:
        lines = {shown.line for shown in commands_of(page)}
        for block in blocks_of(ROOT / page):
            first = block.body.splitlines()[0]
            if block.language in ("", "console") and not any(first.startswith(text) for text in no_commands):
                assert re.split(r"\s{3,}", first.removeprefix("$ "))[0] in lines, (page, first)
    assert len(all_commands()) > 55
    assert all((ROOT / page).exists() for page in ELSEWHERE)
