"""``harness reproduce`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.records import EpisodeLog, RunRecord, run_directory


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["reproduce", *arguments])

    return call


def kl_run(agent: str, env_id: str, seed: int, ratio: float, sweep: str = "kl") -> None:
    """A finished run whose updates have ``ratio`` times the radius as their exact KL."""
    spec = {
        "algo": "acktr",
        "label": agent,
        "env_id": env_id,
        "protocol": {"name": "mujoco", "version": 1},
        "n_timesteps": 1_000_000,
        "hyperparameters": {"delta": 0.001, "n_envs": 1, "n_steps": 2500},
        "seed": seed,
    }
    record = RunRecord(run_directory(Path("runs"), sweep, agent, env_id, "aaaaaaaa", seed))
    record.create(spec, sweep)
    log = EpisodeLog(record.episodes_file)
    for timestep in (400_000, 1_000_000):
        log.append(timestep=timestep, env_index=0, episode_return=1.0, length=1000, wall_time=timestep / 1000)
    log.close()
    kl = 0.001 * (ratio + 0.01 * seed)
    record.progress_file.write_text(
        f"train/n_updates,train/kl_exact,train/kl_predicted\n1,{kl},0.001\n2,{kl},0.001\n"
    )
    record.set_status("done", timesteps=1_000_000, n_timesteps=1_000_000, steps_per_second=1000.0)


def test_verdicts_tables_and_figures(command: Any) -> None:
    for env_id, ratio in (("HalfCheetah-v5", 1.1), ("Reacher-v5", 5.0)):
        for seed in range(5):
            kl_run("acktr-paper", env_id, seed, ratio)
    result = command("figure9")
    assert result.exit_code == 0, result.output
    assert "fig9-exact-near-radius" in result.output
    assert "contradicted" in result.output
    assert "0 reproduced, 2 contradicted, 0 inconclusive, 0 not run" in result.output
    assert Path("reports/reproduce-paper/figure9.svg").is_file()
    assert Path("reports/reproduce-paper/claims.md").is_file()


def test_claims_stand_in_the_page_and_in_the_wandb_report_of_their_sweep(command: Any) -> None:
    for seed in range(3):
        kl_run("acktr-paper", "HalfCheetah-v5", seed, 5.0, sweep="kl-short")
        kl_run("acktr-paper", "Reacher-v5", seed, 5.0, sweep="other")
    for name, shown in (("kl-short", True), ("other", False)):
        page = CliRunner().invoke(app, ["report", name, "--html", f"{name}.html"])
        assert page.exit_code == 0, page.output
        assert ("fig9-exact-near-radius" in Path(f"{name}.html").read_text()) == shown
        report = CliRunner().invoke(app, ["wandb", "report", name, "--dry-run"])
        assert report.exit_code == 0, report.output
        assert ("fig9-exact-near-radius" in report.stdout) == shown


def test_json_alone_writes_nothing(command: Any) -> None:
    for seed in range(3):
        kl_run("acktr-paper", "HalfCheetah-v5", seed, 1.1)
    result = command("fig9-exact-near-radius", "--json")
    (claim,) = json.loads(result.stdout)["claims"]
    assert (claim["verdict"], claim["claimed_low"], claim["claimed_high"]) == ("inconclusive", 0.5, 2.0)
    assert "Reacher: acktr-paper: no run" in claim["why"]
    assert not Path("reports").exists()


def test_everything_not_run(command: Any) -> None:
    result = command("--json", "--out", "elsewhere")
    content = json.loads(result.stdout)
    assert {claim["verdict"] for claim in content["claims"]} == {"not run"}
    assert len(content["artefacts"]) == 15
    assert content["searches"] == {}
    written = {path.name for path in Path("elsewhere").iterdir()}
    assert written == {f"{name}.{kind}" for kind in ("csv", "md") for name in _TABLES}


def test_a_search_without_runs(command: Any) -> None:
    result = command("grid-atari", "--out", "elsewhere")
    assert (result.exit_code, result.stdout) == (0, "no finished runs of two settings to compare\n")
    assert list(Path("elsewhere").iterdir()) == []


_TABLES = ("claims", "table1", "table2", "table3", "table4")


def test_list(command: Any) -> None:
    result = command("--list", "figure5")
    assert "critic_norm, batch_size" in result.output
    assert "fig5c-large-batch-hurts-a2c" in result.output
    assert "table1" not in result.output
    content = json.loads(command("--list", "--json").stdout)
    assert len(content["artefacts"]) == 15
    assert len(content["claims"]) > 200
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["figur9"], "harness: no table, figure, search or claim 'figur9': did you mean figure9, "),
        (["--tier", "full"], "harness: --tier full: expected one of paper, short, smoke"),
        (["--form", "best"], "harness: --form best: expected one of tuned, paper"),
        (["figure9", "--run"], "harness: sweeps/kl.yaml: "),
        (["figure9", "--run", "--jobs", "0"], "harness: --jobs 0: expected a number >= 1"),
    ],
)
def test_mistakes_are_one_line(command: Any, arguments: list[str], message: str) -> None:
    result = command(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


def test_a_report_that_cannot_be_written(command: Any) -> None:
    Path("taken").write_text("")
    result = command("figure9", "--out", "taken")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "harness: --out taken: cannot be written (File exists); expected a directory",
    )


def sweeps(monkeypatch: pytest.MonkeyPatch, codes: dict[str, int]) -> list[tuple[str, str | None]]:
    """Replace ``harness sweep``; returns what it was called with, and gives these exit codes."""
    called: list[tuple[str, str | None]] = []

    def sweep(file: Path, *, tier: str | None, **options: Any) -> None:
        called.append((str(file), tier))
        typer.echo("ran")
        if file.stem in codes:
            raise typer.Exit(codes[file.stem])

    monkeypatch.setattr("harness.commands.sweep.sweep", sweep)
    return called


def test_run_runs_every_sweep_needed_and_fails_where_a_run_failed(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = sweeps(monkeypatch, {"critic_norm": 1})
    result = command("figure5", "figure6", "--run", "--tier", "smoke", "--sweeps-dir", "mine", "--json")
    assert called == [
        (f"mine/{name}.yaml", "smoke")
        for name in ("critic_norm", "batch_size", "openai_baselines", "mujoco8")
    ]
    assert result.exit_code == 1
    assert json.loads(result.stdout)["claims"]  # what the sweeps print is no part of it


def test_a_signal_ends_it_at_once(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    called = sweeps(monkeypatch, {"critic_norm": 130})
    result = command("figure5", "--run")
    assert (len(called), result.exit_code) == (1, 130)


def test_run_trains_and_judges(command: Any) -> None:
    """One real run of a sweep file of this name; what it is of is not what the claims need."""
    Path("sweeps").mkdir()
    tiers = "tiers: {smoke: {seeds: 1}}"
    text = "n_timesteps: 64\nseeds: 2\nenvs: [CartPole-v1]\nalgos: {acktr-paper: {algo: a2c}}\n"
    Path("sweeps/kl.yaml").write_text(f"{text}{tiers}\n")
    result = command("figure9", "--run", "--tier", "smoke", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert "sweep kl-smoke: 1 done" in result.stderr
    assert len(list(Path("runs/kl-smoke").rglob("episodes.csv"))) == 1
    assert "0 reproduced, 0 contradicted, 0 inconclusive, 2 not run" in result.stdout
