from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.agent_level import level_of_agent
from analysis.load import SweepError, load_sweeps
from analysis.reference import Reference
from analysis.report import report
from harness.cli import app

SLOW = [0.0] * 200 + [10.0] * 100
QUICK = [0.0] * 100 + [10.0] * 100 + [20.0] * 100
SOURCE = "mean return of trpo's last 100 episodes, over finished seeds"


@pytest.fixture
def both(runs) -> Path:
    for seed, end in enumerate((10.0, 12.0)):
        runs.add([0.0] * 200 + [end] * 100, agent="trpo", seed=seed)
        runs.add(QUICK, agent="acktr", seed=seed)
    runs.add([100.0] * 300, agent="trpo", seed=2, state="running")
    runs.add(QUICK, agent="acktr", env_id="BreakoutNoFrameskip-v4")
    return runs.root


def test_the_level_is_the_mean_over_finished_seeds(both: Path) -> None:
    settings = load_sweeps(both, ["sweep"]).settings
    level = level_of_agent(settings, "trpo")
    assert level("PongNoFrameskip-v4") == Reference(11.0, SOURCE, 100)
    assert level("BreakoutNoFrameskip-v4") is None


def test_times_are_to_that_level(both: Path) -> None:
    made = report(both, ["sweep"], level_of="trpo")
    rows = {
        (row["env_id"], row["agent"]): row for row in made.sections["time-to-level"].records() if row["agent"]
    }
    assert ("BreakoutNoFrameskip-v4", "acktr") not in rows
    acktr, trpo = (rows["PongNoFrameskip-v4", agent] for agent in ("acktr", "trpo"))
    # Episodes 111 to 210 have 90 times 10 and 10 times 20: 11 on average. They end at timestep 2,100.
    assert (acktr["level"], acktr["episode_n"], acktr["seeds_reached"]) == (11.0, 111.0, 2)
    assert acktr["timesteps_restricted_mean"] == 2_100
    assert (trpo["seeds_reached"], trpo["seeds"]) == (2, 3)  # 12, and the running one
    assert any(SOURCE in note for note in made.table.notes)


def test_an_agent_that_is_not_there(both: Path) -> None:
    with pytest.raises(SweepError, match="level of: no agent 'ppo', expected one of acktr, trpo"):
        report(both, ["sweep"], level_of="ppo")
    refused = CliRunner().invoke(
        app, ["report", "sweep", "--runs-dir", str(both), "--level-of", "ppo", "--json"]
    )
    assert refused.exit_code == 2
    assert "level of: no agent 'ppo', expected one of acktr, trpo" in refused.stderr


def test_the_command(both: Path) -> None:
    made = CliRunner().invoke(
        app, ["report", "sweep", "--runs-dir", str(both), "--level-of", "trpo", "--json"]
    )
    assert made.exit_code == 0, made.output
    assert '"reference": 11.0' in made.stdout


def test_an_agent_with_two_rows_on_one_environment(runs) -> None:
    for identity, steps in (("aaaaaaaa", 5), ("bbbbbbbb", 20)):
        runs.add(SLOW, agent="trpo", identity=identity, hyperparameters={"n_steps": steps})
    settings = load_sweeps(runs.root, ["sweep"]).settings
    names = {setting.name for setting in settings}
    assert len(names) == 2
    assert level_of_agent(settings, min(names))("PongNoFrameskip-v4") is not None
