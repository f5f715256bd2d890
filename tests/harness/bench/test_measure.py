"""The benchmark: what is run, in which order, and what its ratios mean. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.bench import measure
from harness.bench.cases import CASES, ENVS, TRAIN, Pair
from harness.bench.measure import BenchError, Comparison, Sample, compare, time_case
from harness.cli import app


def test_cases_run_in_turn_and_ratios_are_taken_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    speeds = {"a": iter([10.0, 40.0, 30.0]), "b": iter([5.0, 5.0, 5.0]), "r": iter([10.0, 10.0, 10.0])}

    def fake(case: str, threads: int, scale: float) -> Sample:
        order.append(case)
        return Sample(next(speeds[case]), cpu_ms={"a": 2.0, "b": 8.0, "r": 4.0}[case], peak_mb=len(order))

    monkeypatch.setattr(measure, "time_case", fake)
    first, second = compare([Pair("a", "r"), Pair("b", "r")], rounds=3, threads=1)
    assert "".join(order) == "abrrbaabr"
    assert first.ratios == [1.0, 4.0, 3.0]
    assert (first.speed_ratio, second.speed_ratio) == (3.0, 0.5)
    assert (first.cpu_ratio, second.cpu_ratio) == (2.0, 0.5)
    assert (first.speed, first.reference_speed, first.peak_mb) == (30.0, 10.0, 7)


def test_every_pair_names_existing_cases_and_is_held_against_stock() -> None:
    for pair in (*ENVS, *TRAIN):
        assert not CASES[pair.case].stock
        assert CASES[pair.reference].stock
        assert CASES[pair.case].timesteps % CASES[pair.reference].timesteps == 0


@pytest.mark.parametrize("case", ["acktr-mujoco", "sb3-envs-mujoco"])
def test_a_case_is_timed_in_a_process_of_its_own_and_leaves_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sample = time_case(case, threads=1, scale=0.05)
    assert list(tmp_path.iterdir()) == []
    assert sample.steps_per_second > 1
    assert 0.001 < sample.cpu_ms < 1000
    assert 50 < sample.peak_mb < 5000


def test_stock_has_the_same_network() -> None:
    from algos.registry import get_agent
    from harness.bench import stock

    theirs = stock.a2c_atari("BreakoutNoFrameskip-v4")
    settings = get_agent("a2c").resolve("atari")
    agent = get_agent("a2c").load()(settings["policy"], theirs.env, device="cpu")
    assert [p.shape for p in agent.policy.parameters()] == [p.shape for p in theirs.policy.parameters()]
    batch = (settings["n_envs"], settings["n_steps"], settings["ent_coef"], settings["vf_coef"])
    assert (theirs.n_envs, theirs.n_steps, theirs.ent_coef, theirs.vf_coef) == batch
    theirs.env.close()


def test_a_failing_case_gives_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run

    def broken(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", "raise SystemExit('no such ROM')"], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(measure.subprocess, "run", broken)
    with pytest.raises(BenchError, match="a2c-atari: no such ROM"):
        time_case("a2c-atari", 1)
    done = CliRunner().invoke(app, ["bench", "train", "--only", "a2c-atari"])
    assert done.exit_code == 1
    assert "harness bench: a2c-atari: no such ROM" in done.stderr


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(pairs: list[Pair], *arguments: object) -> list[Comparison]:
        samples, reference = (Sample(100.0, 1.0, 300.0),), (Sample(80.0, 3.0, 1.0),)
        return [Comparison(pair, samples, reference) for pair in pairs]

    monkeypatch.setattr("harness.commands.bench.compare", fake)


def test_a_killed_case_is_not_taken_by_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, -9, "", "[Powered by Stella]\n")

    monkeypatch.setattr(measure.subprocess, "run", killed)
    with pytest.raises(BenchError, match=r"^a2c-atari: killed by signal 9 \(Killed\)$"):
        time_case("a2c-atari", 1)


@pytest.mark.usefixtures("fixed")
def test_the_command_prints_json() -> None:
    done = CliRunner().invoke(app, ["bench", "train", "--only", "a2c-atari", "--json"])
    assert done.exit_code == 0
    (row,) = json.loads(done.stdout)
    assert (row["case"], row["reference"], row["goal"]) == ("a2c-atari", "sb3-a2c-atari", 1.5)
    assert (row["speed_ratio"], row["cpu_ratio"], row["peak_mb"]) == (1.25, 3.0, 300.0)
    assert row["samples"] == [{"steps_per_second": 100.0, "cpu_ms": 1.0, "peak_mb": 300.0}]


@pytest.mark.usefixtures("fixed")
@pytest.mark.parametrize(("command", "pairs"), [("envs", ENVS), ("train", TRAIN)])
def test_the_command_prints_a_table(command: str, pairs: tuple[Pair, ...]) -> None:
    done = CliRunner().invoke(app, ["bench", command, "--rounds", "1"])
    assert done.stdout.count("1.25 [1.25, 1.25]") == len(pairs)
    assert all(CASES[pair.case].about in done.stdout for pair in pairs)


def test_an_unknown_case_is_refused() -> None:
    done = CliRunner().invoke(app, ["bench", "train", "--only", "a2c-atary"])
    assert done.exit_code == 2
    assert "a2c-atary: expected one of: a2c-atari" in done.stderr
