"""docs/tutorial.md does what it says: its files are written, its commands run, their output is theirs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT, Block, blocks_of, commands_here, execute

TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCKS = blocks_of(TUTORIAL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory like the project's, as far as the tutorial looks at it."""
    shutil.copytree(ROOT / "sweeps", tmp_path / "sweeps")
    return tmp_path


def run(block: Block, place: Path) -> None:
    """``pip install`` goes into ``place``, and asks no index."""
    site = place / "site"
    no = "0"  # of the option --no-build-isolation, which pip reads the other way round
    pip = {"PIP_TARGET": str(site), "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": no}
    code = block.mark.removeprefix("exits with ") if block.mark.startswith("exits with ") else "0"
    execute(block.commands, place, commands_here(site, **pip), code)


def write(block: Block, place: Path) -> None:
    path = place / block.mark.removeprefix("file: ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.body, encoding="utf-8")


def test_every_block_is_a_file_or_commands() -> None:
    for block in BLOCKS:
        if block.language == "console":
            assert block.body.startswith("$ ")
            assert re.fullmatch(r"|slow|exits with \d+|needs a (cluster|network)", block.mark), block.mark
        else:
            assert block.mark.startswith("file: "), block.body
    assert sum(block.language == "console" for block in BLOCKS) >= 12


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_it_runs_from_top_to_bottom(place: Path, server: Any) -> None:
    for block in BLOCKS:
        if block.language != "console":
            write(block, place)
        elif block.mark not in ("slow", "needs a cluster"):
            run(block, place)
    assert len(server.runs) == 4
    assert all(run.points and run.exit_code == 0 for run in server.runs.values())
    (saved,) = server.reports
    assert saved["displayName"] == "Sweep first"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_figure_is_reproduced(place: Path) -> None:
    slow = [block for block in BLOCKS if block.mark == "slow"]
    assert slow
    for block in slow:
        run(block, place)
