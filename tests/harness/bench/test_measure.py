"""The benchmark: what is run, in which order, and what its ratios mean. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from harness.bench import measure
from harness.bench.cases import CASES, COMPARISONS
from harness.bench.measure import BenchError, Comparison, Sample, compare, run_case
from harness.cli import app


def test_cases_run_in_turn_and_ratios_are_taken_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    speeds = {"a": iter([10.0, 40.0, 30.0]), "b": iter([10.0, 10.0, 10.0])}

    def fake(case: str, threads: int, scale: float) -> Sample:
        order.append(case)
        return Sample(next(speeds[case]), peak_mb=100.0 + len(order))

    monkeypatch.setattr(measure, "run_case", fake)
    (result,) = compare(3, 1, comparisons=[("a", "b", "a against b")])
    assert order == ["a", "b"] * 3
    assert result.speed_ratio == 3.0
    assert (result.speed, result.reference_speed, result.peak_mb) == (30.0, 10.0, 105.0)


def test_every_comparison_names_existing_cases() -> None:
    assert {name for row in COMPARISONS for name in row[:2]} <= set(CASES)


def test_a_case_is_timed_in_a_process_of_its_own() -> None:
    sample = run_case("acktr-2500-mujoco", threads=1, scale=0.05)
    assert sample.steps_per_second > 1
    assert 50 < sample.peak_mb < 5000


def test_a_failing_case_gives_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run

    def broken(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", "raise SystemExit('no such ROM')"], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(measure.subprocess, "run", broken)
    with pytest.raises(BenchError, match="a2c-atari: no such ROM"):
        run_case("a2c-atari", 1, 1.0)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(*arguments: object) -> list[Comparison]:
        samples = (Sample(100.0, 300.0),)
        return [Comparison("a against b", "a2c-atari", "sb3-a2c-atari", samples, (Sample(80.0, 1.0),))]

    monkeypatch.setattr("harness.commands.bench.compare", fake)


@pytest.mark.usefixtures("fixed")
def test_the_command_prints_json() -> None:
    done = CliRunner().invoke(app, ["bench", "--json"])
    assert done.exit_code == 0
    (row,) = json.loads(done.stdout)
    assert row["speed_ratio"] == 1.25
    assert row["peak_mb"] == 300.0


@pytest.mark.usefixtures("fixed")
def test_the_command_prints_a_table() -> None:
    done = CliRunner().invoke(app, ["bench", "--rounds", "1"])
    assert "1.25" in done.stdout
    assert "0.80 x" in done.stdout


def test_an_unknown_case_is_refused() -> None:
    done = CliRunner().invoke(app, ["bench", "--only", "a2c-atary"])
    assert done.exit_code == 2
    assert "a2c-atary: expected one of: a2c-atari" in done.stderr
