"""What the tutorial and docs/slurm.md tell a reader to type on a cluster works on one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import find_runs
from tests.docs.blocks import ROOT, Command, blocks_of
from tests.docs.commands import NOT_EXECUTED, commands_of, on_slurm
from tests.docs.execute import execute
from tests.docs.small import make_place
from tests.harness.sweep.slurm.real import slurm, wait_until

BLOCKS = blocks_of(ROOT / "docs" / "tutorial.md")
OF_THE_FIXTURE = {
    "slurm/devcluster up",
    "export SLURM_CONF=/tmp/devcluster-0/slurm.conf",
    "slurm/devcluster down",
}
"""Executed by the fixture ``cluster``, in a directory of its own."""
TOO_MUCH = {"cpus_per_run: 4": "cpus_per_run: 1", "mem_gb_per_run: 6": "mem_gb_per_run: 0.5"}
"""What of slurm/gpu.yaml a pretended node has not, and what it has."""


@pytest.fixture
def place(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_place(tmp_path))
    profile = Path("slurm/gpu.yaml")
    text = profile.read_text(encoding="utf-8")
    for line, less in TOO_MUCH.items():
        assert line in text
        text = text.replace(line, less)
    profile.write_text(text, encoding="utf-8")
    for block in BLOCKS:
        if block.mark == "file: first.yaml":
            Path("first.yaml").write_text(block.body, encoding="utf-8")
    return tmp_path


def run(commands: list[Command]) -> None:
    """Execute them in their order; in the end all runs are done and no job is left."""
    for command in commands:
        execute(command)
    records = find_runs(Path("runs"))
    assert records
    wait_until(lambda: all(record.status()["state"] == "done" for record in records), "all done", 240)
    wait_until(lambda: not slurm("squeue", "-h").strip(), "no job is left", 120)


def to_execute(commands: list[Command]) -> list[Command]:
    return [c for c in commands if c.line not in NOT_EXECUTED and c.line not in OF_THE_FIXTURE]


@pytest.mark.timeout(900)
def test_the_tutorials_cluster(place: Path) -> None:
    blocks = [block for block in BLOCKS if block.mark == "needs a cluster"]
    commands = to_execute([command for block in blocks for command in block.commands])
    assert len(commands) == 6
    run(commands)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_on_slurm(place: Path) -> None:
    shown = commands_of("docs/slurm.md")
    assert all(map(on_slurm, shown))
    assert {one.line for one in shown} >= OF_THE_FIXTURE
    run(to_execute([one.command for one in shown]))


def test_no_other_page_has_a_command_on_slurm_that_is_not_here() -> None:
    here = {one.line for one in commands_of("docs/slurm.md")}
    assert {one.line for one in commands_of("README.md") if on_slurm(one)} <= here
