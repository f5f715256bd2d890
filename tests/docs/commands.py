"""Every command that a page beside the tutorial shows, and the one list of those that no test executes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.docs.blocks import BLOCK, ROOT, Command

ELSEWHERE = {"docs/tutorial.md", "docs/reference.md"}
"""The tutorial has a test of its own; the reference shows forms, not commands."""
PAGES = tuple(
    sorted(
        name
        for pattern in ("*.md", "docs/**/*.md", "algos/**/*.md")
        for path in ROOT.glob(pattern)
        if (name := str(path.relative_to(ROOT))) not in ELSEWHERE
    )
)
PROGRAMS = r"(?:harness|python|pip|make|export|apt-get|slurm/devcluster|\.venv/bin/\S+)"
LINE = re.compile(rf"^(\$ )?({PROGRAMS}(?: .*)?)$")
INDENTED = re.compile(rf"^ {{4}}({PROGRAMS} .*)$", re.M)

NOT_EXECUTED = {
    "make quickstart": "sets up an environment from the network, and trains for minutes",
    "make test": "would run itself",
    "make lint": "is a check beside the tests",
    "make format": "rewrites the files",
    ".venv/bin/pre-commit install": "changes the git repository",
    "pip install 'acktr-harness[wandb,tensorboard]'": "needs the network",
    "export WANDB_API_KEY=…": "the key is the reader's own; the tests set one for their server",
    "apt-get install slurm-wlm slurmdbd munge mariadb-server": "needs the network; .ci/run does it",
}
"""Command -> why no test executes it. All else is executed (:mod:`tests.docs.small` says how small)."""


@dataclass(frozen=True)
class Shown:
    """A command of a page."""

    page: str
    command: Command

    @property
    def line(self) -> str:
        return self.command.line


def commands_of(page: str) -> list[Shown]:
    """The commands of a page in their order, fenced and indented, without the remarks beside them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[tuple[int, Command]] = []
    for block in BLOCK.finditer(text):
        output_follows = False
        for line in block["body"].splitlines() if block["language"] in ("", "console") else ():
            match = LINE.match(line)
            if match and (match[1] or not output_follows):
                found.append((block.start(), Command(re.split(r"\s{3,}", match[2])[0])))
                output_follows = bool(match[1])
            elif output_follows and line.strip():
                found[-1][1].shown.append(line)
    for indented in INDENTED.finditer(BLOCK.sub(lambda fence: " " * len(fence[0]), text)):
        found.append((indented.start(), Command(indented[1])))
    return [Shown(page, command) for _, command in sorted(found, key=lambda item: item[0])]


def all_commands() -> list[Shown]:
    """Of all pages."""
    return [shown for page in PAGES for shown in commands_of(page)]


def on_slurm(shown: Shown) -> bool:
    """Whether tests/harness/sweep/slurm executes it, on a real Slurm."""
    return shown.page == "docs/slurm.md" or "--backend" in shown.line
