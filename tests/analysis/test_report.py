from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.load import SweepError
from analysis.reference import Reference, paper_reference
from analysis.report import report

RISING = [0.0] * 50 + [20.0] * 150


def test_a_clean_sweep_has_no_warnings(runs) -> None:
    for seed in (0, 1):
        for agent in ("a2c", "acktr"):
            runs.add(RISING, agent=agent, seed=seed)
    assert report(runs.root, ["sweep"]).warnings == ()


def test_unfinished_and_failed_runs_are_named(runs) -> None:
    runs.add(RISING, seed=0)
    runs.add(RISING, seed=1, state="failed", error="Traceback\n  ...\nValueError: no such thing\n")
    runs.add(RISING, seed=2, state="running")
    runs.add([], seed=3)
    runs.add([1.0] * 37, seed=4)
    assert report(runs.root, ["sweep"]).warnings == (
        "acktr on Pong, seed 1: failed, 2k of 10k timesteps: ValueError: no such thing",
        "acktr on Pong, seed 2: running, 2k of 10k timesteps",
        "acktr on Pong, seed 3: done without a finished episode",
        "acktr on Pong, seed 4: 37 episodes, so its mean of the last 100 is over these",
    )


def test_rows_of_mixed_code_are_named(runs) -> None:
    for seed, code in enumerate(["old", "new", "new"]):
        runs.add([1.0] * 100, seed=seed, code=code)
    warnings = report(runs.root, ["sweep"]).warnings
    assert warnings == ("acktr on Pong: mixes results of different code of the agent (seed 0 and seed 1, 2)",)


def test_missing_runs_are_named(runs) -> None:
    runs.add(RISING, agent="a2c", seed=0)
    runs.add(RISING, agent="acktr", seed=0)
    runs.add(RISING, agent="acktr", seed=1)
    runs.add(RISING, agent="acktr", seed=2)
    for seed in (0, 1, 2):
        runs.add(RISING, agent="acktr", seed=seed, env_id="BreakoutNoFrameskip-v4")
    assert report(runs.root, ["sweep"]).warnings == (
        "a2c on Pong: no run with seed 1, 2, unlike other rows of sweep sweep",
        "a2c: no run on Breakout, unlike others of sweep sweep",
    )


def test_levels_are_those_of_the_papers_tables() -> None:
    assert paper_reference("BreakoutNoFrameskip-v4") == Reference(
        31.8, "human level, Mnih et al. (2015) [mnih2015 v1]", 100
    )
    assert paper_reference("Ant-v5") == Reference(
        3500.0, "threshold, Table 2 of Wu et al. (2017) [gu2016 v1]", 10
    )
    assert paper_reference("CartPole-v1") is None
    assert paper_reference("AlienNoFrameskip-v4") is None  # the other human table is another measurement


def test_human_level_of_pong_comes_from_the_reference_data(runs) -> None:
    runs.add([-21.0] * 50 + [21.0] * 150)
    (row,) = report(runs.root, ["sweep"]).table.records()
    assert (row["reference"], row["window"]) == (9.3, 100)
    assert row["episode_n"] == 24  # games 24 to 123: 73 won by 21 and 27 lost by 21, 9.66 on average


def test_written_files_hold_the_same_rows(runs, tmp_path: Path) -> None:
    runs.add(RISING)
    runs.add(RISING, agent="a2c", state="failed", error="oops")
    result = report(runs.root, ["sweep"])
    paths = result.write(tmp_path / "new" / "report")
    assert [path.name for path in paths] == [
        "report.md",
        "table.csv",
        "table.json",
        "tables.tex",
        "tables.html",
        "time-to-level.csv",
        "aggregates.csv",
        "curves.png",
        "curves.svg",
        "time-to-level.png",
        "time-to-level.svg",
        "efficiency.png",
        "efficiency.svg",
        "profile.png",
        "profile.svg",
    ]
    assert all(path.stat().st_size > 0 for path in paths)
    assert json.loads(paths[2].read_text()) == result.table.records() == result.to_json()["rows"]
    with paths[1].open(newline="") as file:
        assert [row["agent"] for row in csv.DictReader(file)] == ["a2c", "acktr"]
    markdown = paths[0].read_text()
    assert result.table.to_markdown().rstrip("\n") in markdown
    assert all(warning in markdown for warning in result.warnings)
    assert "![Learning curves](curves.png)" in markdown
    for name, table in result.sections.items():
        assert result.to_json()["sections"][name] == table.records()
        assert table.to_markdown().rstrip("\n") in markdown
        assert table.to_latex() in paths[3].read_text()
        assert table.to_html() in paths[4].read_text()


def test_several_agents_have_every_table_and_figure(runs, tmp_path: Path) -> None:
    for seed in range(4):
        for agent in ("a2c", "acktr"):
            for env_id in ("PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"):
                runs.add([float(value + seed) for value in RISING], agent=agent, seed=seed, env_id=env_id)
    for seed in (0, 1):
        runs.add(RISING, agent="trpo", identity="aaaaaaaa", seed=seed, hyperparameters={"delta": 0.1})
        runs.add(RISING, agent="trpo", identity="bbbbbbbb", seed=seed, hyperparameters={"delta": 0.2})
    result = report(runs.root, ["sweep"])
    names = {path.name for path in result.write(tmp_path)}
    assert set(result.sections) == {
        "time-to-level",
        "comparisons",
        "aggregates",
        "improvement",
        "best-seeds",
        "sensitivity-trpo",
        "tuning",
    }
    for figure in ("curves", "efficiency", "profile", "sensitivity-trpo"):
        assert {f"{figure}.png", f"{figure}.svg"} <= names
        assert f"]({figure}.png)" in (tmp_path / "report.md").read_text()


def test_unknown_sweep_is_an_error(runs) -> None:
    runs.add(RISING)
    with pytest.raises(SweepError, match="nearest is 'sweep'"):
        report(runs.root, ["sweeep"])


def test_analysis_imports_neither_torch_nor_gymnasium_nor_pyplot() -> None:
    code = (
        "import sys, analysis.report\n"
        "print(sorted({'torch', 'gymnasium', 'stable_baselines3', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_rows_that_should_be_alike_and_are_not_are_named(runs) -> None:
    runs.add(RISING, agent="a2c", n_timesteps=10_000_000)
    runs.add(RISING, agent="acktr", n_timesteps=9_950_000)
    assert report(runs.root, ["sweep"]).warnings == ()
    runs.add(RISING, agent="trpo", n_timesteps=50_000_000, protocol={"name": "atari-sticky", "version": 1})
    assert report(runs.root, ["sweep"]).warnings == (
        "Pong: rows of different protocols (a2c, acktr and trpo)",
        "Pong: rows of different budgets (a2c 10M, acktr 9.95M, trpo 50M)",
    )


def test_a_damaged_run_is_named_and_in_no_number(runs) -> None:
    runs.add([1.0] * 100, seed=0)
    path = runs.add([99.0] * 100, seed=1) / "episodes.csv"
    path.write_text(path.read_text()[:-5])
    result = report(runs.root, ["sweep"])
    assert result.table.records()[0]["last_mean"] == 1.0
    (warning,) = result.warnings
    assert warning.startswith("acktr on Pong, seed 1: left out of every number: ")
    assert str(path) in warning
    assert "cut off" in warning
