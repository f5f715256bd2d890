"""The paper's Table 3: which runs are timed, and what stands beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.bench import table3
from harness.bench.measure import Sample, time_case
from harness.bench.table3 import measure_table, paper_speeds
from harness.cli import app
from harness.spec import RunSpec
from harness.sweep.expand import load_sweep

SWEEP = Path(__file__).parents[3] / "sweeps/throughput.yaml"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels and environments in the order they were timed; A2C is given 100 timesteps/s, the others 50."""
    order: list[str] = []

    def fake(run: RunSpec, threads: int, scale: float) -> Sample:
        order.append(f"{run.label} {run.env_id}")
        return Sample(100.0 if run.algo == "a2c" else 50.0, 1.0, 1.0)

    monkeypatch.setattr(table3, "time_case", fake)
    return order


def test_the_sweep_has_a_run_for_each_number_of_the_paper(timed: list[str]) -> None:
    rows = measure_table(load_sweep(SWEEP).runs, rounds=2, threads=1)
    domain = {"BreakoutNoFrameskip-v4": "atari", "HalfCheetah-v5": "mujoco"}
    found = {(row.algo, domain[row.env_id], row.batch_size): row.paper for row in rows}
    assert found == paper_speeds()
    assert len(found) == len(rows) == 18
    assert len(timed) == 36  # of five seeds one, twice
    assert [name.split("-")[0] for name in timed[:3]] == ["a2c", "acktr", "trpo"]  # of one batch size


@pytest.mark.usefixtures("timed")
def test_ratios_are_to_a2c_of_the_same_batch() -> None:
    rows = measure_table(load_sweep(SWEEP).runs, rounds=1, threads=1)
    row = next(row for row in rows if (row.algo, row.batch_size) == ("acktr", 640))
    assert row.ratio == 0.5
    assert (row.paper, row.paper_ratio) == (852.0, 852 / 1162)
    assert all(row.ratio == row.paper_ratio == 1.0 for row in rows if row.algo == "a2c")


@pytest.mark.usefixtures("timed")
def test_a_row_without_a2c_or_paper_has_no_ratio() -> None:
    run = next(run for run in load_sweep(SWEEP).runs if run.label == "acktr-small")
    (row,) = measure_table([run.model_copy(update={"env_id": "CartPole-v1"})], rounds=1, threads=1)
    assert (row.ratio, row.paper, row.paper_ratio) == (None, None, None)


@pytest.mark.usefixtures("timed")
def test_the_command_prints_the_table_and_json() -> None:
    done = CliRunner().invoke(app, ["bench", "table3", str(SWEEP)])
    assert done.exit_code == 0
    assert "1,162" in done.stdout
    rows = json.loads(CliRunner().invoke(app, ["bench", "table3", str(SWEEP), "--json"]).stdout)
    assert {row["ratio"] for row in rows} == {0.5, 1.0}


def test_a_missing_sweep_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "table3", str(tmp_path / "none.yaml")])
    assert done.exit_code == 2
    assert "none.yaml" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_is_timed_in_a_process_of_its_own() -> None:
    run = next(
        run for run in load_sweep(SWEEP).runs if (run.label, run.env_id) == ("acktr-small", "HalfCheetah-v5")
    )
    sample = time_case(run, threads=1, scale=0.01)
    assert sample.steps_per_second > 1


@pytest.mark.parametrize(
    ("algos", "said"),
    [
        ("[ars]", "ars: has no n_steps; expected on-policy agents"),
        (
            "{a2c: , other: {algo: a2c, hyperparameters: {gamma: 0.9}}}",
            "a2c and other on CartPole-v1: expected one setting of an agent at a batch size",
        ),
    ],
)
def test_a_sweep_of_which_a_part_would_not_be_timed_is_refused(
    algos: str, said: str, timed: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"n_timesteps: 1000\nseeds: 2\nenvs: [CartPole-v1]\nalgos: {algos}\n")
    done = CliRunner().invoke(app, ["bench", "table3", str(file)])
    assert (done.exit_code, done.stderr) == (2, f"harness: {said}\n")
    assert timed == []
