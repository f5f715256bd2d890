"""Sequential seeds: what a file may say, which runs it wants when, and a sweep from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.starting import Start
from harness.looks import read_looks
from harness.records import EpisodeLog, State, find_runs
from harness.spec import SpecError
from harness.sweep.expand import Sweep, load_sweep
from harness.sweep.plan import PlannedRun
from harness.sweep.sequential import register, wanted_runs
from harness.sweep.supervisor import Outcome

FILE = Path(__file__).with_name("sequential.yaml").read_text(encoding="utf-8").replace("1000", "100")


def run_here(start: Start, runs: list[PlannedRun], jobs: int | None) -> Outcome:
    """One episode a run, whose return is ``n_steps`` and a bit by seed; those in ``fail.txt`` fail."""
    outcome = Outcome()
    failing = Path("fail.txt").read_text().splitlines() if Path("fail.txt").exists() else []
    for run in runs:
        run.record.create(run.spec.to_json(), run.sweep)
        score = float(run.spec.hyperparameters["n_steps"]) + (7 * run.spec.seed) % 11 / 11  # type: ignore[arg-type]
        log = EpisodeLog(run.record.episodes_file)
        log.append(timestep=10, env_index=0, episode_return=score, length=10, wall_time=0.1)
        log.close()
        state: State = "failed" if f"{run.spec.label} {run.spec.seed}" in failing else "done"
        run.record.set_status(state, timesteps=100, n_timesteps=100)
        outcome.states.append((run, state, "told to fail" if state == "failed" else None))
    return outcome


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with ``s.yaml``, where a run takes no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.commands.starting.Start.here", run_here)
    Path("s.yaml").write_text(FILE)
    return tmp_path


def sweep(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sweep", "s.yaml", *arguments])


def seeds_run(label: str) -> int:
    return len([run for run in find_runs(Path("runs/s")) if run.spec["label"] == label])


def planned(sharing: int) -> tuple[int, ...]:
    return (4, 6)


def test_more_seeds_only_for_what_is_open(place: Path) -> None:
    done = sweep("--jobs", "2")
    assert done.exit_code == 0, done.output
    assert "12 runs: 0 done, 12 to run" in done.stdout  # with 3 seeds nothing could be decided
    assert "look at 4 seeds: better - a2c on CartPole-v1: 45 " in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "2 comparisons: 1 decided, 1 undecided at the last look",
        "sweep s: 16 done",
    ]
    assert [seeds_run(label) for label in ("a2c", "better", "alike")] == [6, 4, 6]
    record = read_looks(Path("runs/s"))
    assert record is not None
    looks = {one.agent: [look.seeds for look in one.looks] for one in record.comparisons}
    assert looks == {"better": [4], "alike": [4, 6]}
    again = sweep()
    assert "nothing to do: all 16 runs are done" in again.stdout
    assert read_looks(Path("runs/s")) == record


def test_a_failed_run_keeps_its_look_waiting(place: Path) -> None:
    Path("fail.txt").write_text("alike 5\n")
    done = sweep("--jobs", "2")
    assert done.exit_code == 1
    assert "alike on CartPole-v1 waits for a finished run of alike seed 5" in done.stdout
    record = read_looks(Path("runs/s"))
    assert record is not None
    assert [len(one.looks) for one in record.comparisons] == [1, 1]
    assert seeds_run("alike") == 6
    Path("fail.txt").unlink()
    assert sweep("--jobs", "2").exit_code == 0
    after = read_looks(Path("runs/s"))
    assert after is not None
    assert [len(one.looks) for one in after.comparisons] == [1, 2]
    assert after.comparisons[1].looks[0] == record.comparisons[1].looks[0]


def test_the_price_of_the_fewest_and_of_the_most(place: Path) -> None:
    plan = sweep("--dry-run")
    assert "to start on local: 12 runs" in plan.stdout
    assert "if no comparison is decided before its last look:\nto start on local: 18 runs" in plan.stdout
    assert "2 comparisons: 2 open, next look at 4 seeds" in plan.stdout
    assert not Path("runs").exists()
    content = json.loads(sweep("--dry-run", "--json").stdout)
    assert (content["price"]["n_runs"], content["price_at_most"]["n_runs"]) == (12, 18)
    assert [one["planned"] for one in content["comparisons"]] == [[4, 6]] * 2


def test_what_was_registered_is_kept_to(place: Path) -> None:
    sweep("--jobs", "2")
    for assignment, key in (
        ("comparison.alpha=0.1", "comparison.alpha"),
        ("comparison.statistic=auc", "comparison.statistic"),
        ("seeds.max=12", "seeds.max"),
        ("seeds.start=3", "seeds.start"),
    ):
        refused = sweep("--set", assignment)
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"harness: sweep s: {key}: expected ")
        assert refused.stderr.count("\n") == 1
    refused = sweep("--set", "envs=[CartPole-v1, Acrobot-v1]")  # shares the error rate
    assert refused.exit_code == 2
    assert "on Acrobot-v1: expected the settings that were registered before the first look" in refused.stderr
    renamed = sweep("--set", "comparison.alpha=0.1", "--set", "name=other", "--dry-run")
    assert "2 comparisons: 2 open" in renamed.stdout


def test_status_counts_what_is_wanted(place: Path) -> None:
    sweep("--jobs", "2")
    shown = CliRunner().invoke(app, ["status", "s.yaml", "--json"])
    counts = {row["label"]: row["counts"] for row in json.loads(shown.stdout)["rows"]}
    assert {label: found["done"] for label, found in counts.items()} == {"a2c": 6, "better": 4, "alike": 6}
    assert not any(found["missing"] for found in counts.values())


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (["seeds.max=2"], "--set seeds.max: expected at least min (3), got 2"),
        (["seeds.until=bored"], "--set seeds.until: expected 'decided', got \"bored\""),
        (["seeds.mox=2"], "--set seeds.mox: unknown key; did you mean 'max'?"),
        (["seeds.min=0"], "--set seeds.min: expected a number > 0, got 0"),
        (["seeds.start=-1"], "--set seeds.start: expected a number >= 0, got -1"),
        (["comparison.baseline=a3c"], "expected one of a2c, better, alike, got 'a3c'; did you mean 'a2c'?"),
        (["comparison.statistic=last"], "expected 'last100', 'best10' or 'auc', got \"last\""),
        (["comparison.alpha=1"], "--set comparison.alpha: expected a number <= 0.5, got 1"),
        (["comparison=null"], "s.yaml:3: seeds.until: expected a key 'comparison' beside it"),
        (["seeds=3"], "s.yaml:4: comparison: expected only beside seeds: {min: 3, max: 10, until: decided}"),
        (["algos=[a2c]"], "expected an agent beside 'a2c' to compare with it"),
        (
            ["grid={ent_coef: [0.0, 0.1]}"],
            "expected an agent with one setting per environment",
        ),
        (["seeds={count: 3, max: 4}"], "--set seeds: seeds.min: required key is missing"),
    ],
)
def test_a_mistake_gets_one_line(place: Path, assignments: list[str], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_sweep(Path("s.yaml"), assignments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_seeds_to_decide_anything(place: Path) -> None:
    refused = sweep("--dry-run", "--set", "seeds.max=3")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "harness: sweep s: seeds.max: expected at least 4, got 3; so few decide nothing at alpha 0.05\n"
    )
    two = sweep("--dry-run", "--set", "seeds.max=4", "--set", "envs=[CartPole-v1, Acrobot-v1]")
    assert "seeds.max: expected at least 5, got 4; so few decide nothing at alpha 0.05 over 2" in two.stderr


def test_seeds_are_part_of_no_identity(place: Path) -> None:
    sequential = load_sweep(Path("s.yaml"))
    plain = load_sweep(Path("s.yaml"), ["seeds=6", "comparison=null"])
    assert sequential.runs == plain.runs
    assert plain.sequential is None
    assert wanted_runs(plain, None) == plain.runs


def wanted(content: Sweep, record: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in wanted_runs(content, record):
        found[run.label] = found.get(run.label, 0) + 1
    return found


def test_which_runs_are_wanted(place: Path) -> None:
    content = load_sweep(Path("s.yaml"), ["seeds.start=4"])
    assert wanted(content, None) == {"a2c": 3, "better": 3, "alike": 3}
    assert min(run.seed for run in wanted_runs(content, None)) == 4
    record = register(content, None, planned)
    assert wanted(content, record) == {"a2c": 4, "better": 4, "alike": 4}
    Path("s.yaml").write_text(FILE.replace("  alike:", "  other:"))
    renamed = load_sweep(Path("s.yaml"))
    assert {one.agent for one in register(renamed, record, planned).comparisons} == {"better", "other"}
