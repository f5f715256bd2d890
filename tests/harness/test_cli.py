"""The ``harness`` command from end to end; training is played by a script, once it is real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.records import find_runs
from harness.runner.lock import lock
from harness.sweep.worker import Command

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "sweep" / "fake_worker.py"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own to work in, and a worker that acts out its run's policy_kwargs at once."""

    def command(device: str, **options: object) -> Command:
        return lambda directory: [sys.executable, "-c", WORKER, str(FAKE), str(directory)]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.sweep.worker.runner_command", command)
    (tmp_path / "x.yaml").write_text("n_timesteps: 1e3\nseeds: 2\nenvs: [CartPole-v1]\nalgos: [a2c, acktr]\n")
    return tmp_path


WORKER = """
import json, pathlib, runpy, sys
sys.argv = sys.argv[1:]
path = pathlib.Path(sys.argv[1], "run.json")
content = json.loads(path.read_text())
acted_out = content["spec"]["hyperparameters"]["policy_kwargs"]
played = {**content, "spec": {**content["spec"], "hyperparameters": acted_out}}
path.write_text(json.dumps(played))
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    path.write_text(json.dumps(content))
"""


def harness(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def states(directory: str = "runs") -> list[str]:
    return [record.status()["state"] for record in find_runs(Path(directory))]


def test_a_sweep_runs_what_is_missing_and_then_nothing(here: Path) -> None:
    first = harness("sweep", "x.yaml")
    assert first.exit_code == 0
    assert first.stdout.splitlines()[0] == "4 runs: 0 done, 4 to run"
    assert first.stdout.splitlines()[-1] == "sweep x: 4 done"
    assert states() == ["done"] * 4
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    again = harness("sweep", "x.yaml")
    assert again.exit_code == 0
    assert again.stdout.startswith("nothing to do: all 4 runs are done\n")
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_an_edited_sweep_runs_only_the_difference(here: Path) -> None:
    harness("sweep", "x.yaml", "--set", "seeds=1")
    more = harness("sweep", "x.yaml", "--set", "seeds=2", "--set", "algos=[a2c, acktr, trpo]")
    assert more.stdout.splitlines()[0] == "6 runs: 2 done, 4 to run"
    assert more.stdout.splitlines()[-1] == "sweep x: 4 done"


def test_a_failed_run_is_told_and_done_again(here: Path) -> None:
    fail = "algos={a2c: , acktr: {hyperparameters: {policy_kwargs: {end: fail}}}}"
    result = harness("sweep", "x.yaml", "--jobs", "2", "--set", fail)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "sweep x: 2 done, 2 failed"
    errors = result.stderr.splitlines()
    assert len(errors) == 2
    for line in errors:
        assert line.startswith("failed: runs/x/acktr/CartPole-v1/")
        assert "ValueError: told to fail (log runs/x/acktr/" in line
    again = harness("sweep", "x.yaml", "--set", fail)
    assert again.stdout.splitlines()[0] == "4 runs: 2 done, 2 to run (2 failed before)"


def test_dry_run_lists_and_creates_nothing(here: Path) -> None:
    result = harness("sweep", "x.yaml", "--dry-run", "--runs-dir", "elsewhere")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[-1]) == (0, "4 runs: 0 done, 4 to run")
    assert [line.split()[0] for line in lines[:4]] == ["missing"] * 4
    assert lines[4].startswith("to start on local: 4 runs")
    assert lines[0].split()[1].startswith("elsewhere/x/a2c/CartPole-v1/")
    assert [path.name for path in here.iterdir()] == ["x.yaml"]


def test_sweep_in_json(here: Path) -> None:
    planned = json.loads(harness("sweep", "x.yaml", "--dry-run", "--json").stdout)
    assert [run["state"] for run in planned["runs"]] == ["missing"] * 4
    result = harness("sweep", "x.yaml", "--json")
    done = json.loads(result.stdout)
    assert {run["directory"] for run in done["runs"]} == {run["directory"] for run in planned["runs"]}
    assert {run["state"] for run in done["runs"]} == {"done"}
    assert "start  a2c CartPole-v1 seed 0" in result.stderr
    assert [run["state"] for run in json.loads(harness("sweep", "x.yaml", "--json").stdout)["runs"]] == [
        "done"
    ] * 4


def test_results_of_older_code_are_named(here: Path) -> None:
    harness("sweep", "x.yaml")  # the fake worker leaves no provenance, as no code of today did
    result = harness("sweep", "x.yaml")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()[1:]
    assert len(lines) == 4
    assert all(line.startswith("made by older code: runs/x/a") for line in lines)
    assert lines[0].endswith("seed-0: its code was not recorded")


def test_a_sweep_at_work_elsewhere_is_left_alone(here: Path) -> None:
    with lock(Path("runs/x"), "sweep 'x'"):
        result = harness("sweep", "x.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("harness: sweep 'x' is already being run by process ")
    assert len(result.stderr.splitlines()) == 1
    assert states() == []


RUN = ("run", "--algo", "a2c", "--env", "CartPole-v1", "--seed", "3", "--timesteps", "1e3")


def test_one_run_from_options_and_again_from_its_json(here: Path) -> None:
    first = harness(*RUN, "--set", "gamma=0.9")
    assert first.exit_code == 0
    (record,) = find_runs(Path("runs/adhoc"))
    assert record.spec["hyperparameters"]["gamma"] == 0.9
    assert (record.spec["seed"], record.spec["n_timesteps"]) == (3, 1000)
    assert harness(*RUN, "--set", "gamma=0.9").stdout.startswith(
        "nothing to do: the run is done (runs/adhoc/"
    )
    again = harness("run", str(record.run_file), "--name", "again")
    assert again.exit_code == 0
    (copy,) = find_runs(Path("runs/again"))
    assert copy.spec == record.spec
    assert copy.directory.relative_to("runs/again") == record.directory.relative_to("runs/adhoc")


def test_one_run_from_a_spec_that_leaves_out_defaults(here: Path) -> None:
    spec = {
        "algo": "a2c",
        "env_id": "cartpole-v1".replace("cartpole", "CartPole"),
        "protocol": {"name": "gym"},
        "n_timesteps": 1e3,
        "hyperparameters": {"gamma": 0.5},
        "seed": 1,
    }
    Path("spec.json").write_text(json.dumps(spec))
    assert harness("run", "spec.json").exit_code == 0
    (record,) = find_runs(Path("runs/adhoc"))
    assert record.spec["hyperparameters"]["gamma"] == 0.5
    assert record.spec["hyperparameters"]["n_envs"] == 1


def test_a_failing_run_exits_with_one(here: Path) -> None:
    result = harness(*RUN, "--set", "policy_kwargs.end=crash")
    assert result.exit_code == 1
    assert "exit code 3: Traceback: the last words (log runs/adhoc/" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("run",), ["--algo, --env, --seed, --timesteps missing"]),
        (("run", "--algo", "a2c", "--env", "CartPole-v1"), ["--seed, --timesteps missing"]),
        ((*RUN, "--set", "gama=1"), ["--set gama: unknown key; did you mean 'gamma'?"]),
        ((*RUN, "--set", "gamma"), ["--set gamma: expected key=value"]),
        ((*RUN, "--preset", "papr"), ["--preset: unknown preset 'papr'"]),
        ((*RUN, "--protocol", "mujoco"), ["--protocol: CartPole-v1 is played under the protocol 'gym'"]),
        ((*RUN, "--name", "a/b"), ["--name a/b: expected letters"]),
        ((*RUN, "--timesteps", "0"), ['--timesteps: expected a number > 0, got "0"']),
        ((*RUN, "--timesteps", "lots"), ['--timesteps: expected a whole number, got "lots"']),
        ((*RUN, "--seed", "-1"), ["--seed: expected a number >= 0, got -1"]),
        ((*RUN, "--seed", "1.5"), ["--seed"]),
        ((*RUN, "--env", "CartPol-v1"), ["--env: unknown environment 'CartPol-v1'", "CartPole-v1"]),
        ((*RUN, "--algo", "a3c"), ["--algo: unknown agent 'a3c'", "a2c"]),
        (("run", "x.yaml"), ["x.yaml: not readable as JSON"]),
        (("run", "missing.json"), ["missing.json: no such file"]),
        (("run", "x.yaml", "--seed", "1"), ["x.yaml: holds the whole run; expected no --seed beside it"]),
        (("status", "none"), ["runs: no such directory"]),
        (("logs", "none"), ["none/log.txt: no such file"]),
        (("logs", "none", "-n", "0"), ["--lines 0: expected a number >= 1"]),
        (("report", "none"), ["runs: no such directory"]),
        (("report", "none", "--json", "--markdown"), ["expected one of them"]),
        (("algos", "acktrr"), ["unknown agent 'acktrr'", "acktr"]),
        (("algos", "acktr", "--preset", "papr"), ["unknown preset 'papr'"]),
        (("algos", "--preset", "paper"), ["--preset: expected an agent's name"]),
        (("envs", "nothing"), ["nothing: no environment's name contains this"]),
        (("swep",), ["No such command 'swep'", "'sweep'"]),
        (("sweep",), ["Missing argument 'FILE'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], fragments: list[str], here: Path) -> None:
    result = harness(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert [fragment for fragment in fragments if fragment not in result.stderr] == []
    assert [path.name for path in here.iterdir()] == ["x.yaml"]


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"hyperparameters": {"gama": 1}}, "hyperparameters.gama: unknown key; did you mean 'gamma'?"),
        ({"hyperparameters": {"gamma": 2}}, "hyperparameters.gamma: expected a number <= 1, got 2"),
        ({"env_id": "CartPol-v1"}, "env_id: unknown environment"),
        ({"algo": "a3c"}, "algo: unknown agent 'a3c'"),
        ({"protocol": {"name": "gym", "noop_max": 1}}, "protocol."),
        ({"protocol": {"name": "mujoco"}}, "protocol: CartPole-v1 is played under the protocol 'gym'"),
        ({"sed": 1}, "sed: unknown key; did you mean 'seed'?"),
        ({"seed": True}, "seed: expected a whole number, got true"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_mistakes_in_a_run_file_name_the_key(
    change: dict[str, Any], fragment: str, wrapped: bool, here: Path
) -> None:
    spec = {
        "algo": "a2c",
        "env_id": "CartPole-v1",
        "protocol": {"name": "gym"},
        "n_timesteps": 1000,
        "hyperparameters": {},
        "seed": 1,
        **change,
    }
    Path("spec.json").write_text(json.dumps({"spec": spec} if wrapped else spec))
    result = harness("run", "spec.json")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"harness: spec.json: {'spec.' if wrapped else ''}{fragment}")
    assert not Path("runs").exists()


def test_status_by_name_and_by_file(here: Path) -> None:
    harness("sweep", "x.yaml", "--set", "algos=[a2c]", "--set", "seeds=1")
    by_name = json.loads(harness("status", "x", "--json").stdout)
    assert [(row["label"], row["counts"]["done"], row["counts"]["missing"]) for row in by_name["rows"]] == [
        ("a2c", 1, 0)
    ]
    by_file = json.loads(harness("status", "x.yaml", "--json").stdout)
    counted = [(row["label"], row["counts"]["done"], row["counts"]["missing"]) for row in by_file["rows"]]
    assert counted == [("a2c", 1, 1), ("acktr", 0, 2)]
    table = harness("status", "x.yaml").stdout
    assert "50%" in table
    assert "CartPole-v1" in table


def test_status_shows_why_a_run_failed(here: Path) -> None:
    harness(*RUN, "--set", "policy_kwargs.end=fail")
    assert "ValueError: told to fail" in harness("status", "adhoc").stdout


def test_logs_of_a_run(here: Path) -> None:
    harness(*RUN)
    (record,) = find_runs(Path("runs"))
    whole = harness("logs", str(record.directory)).stdout.splitlines()
    assert whole[0].startswith("--- ")
    assert harness("logs", str(record.directory), "-n", "1").stdout.splitlines() == whole[-1:]


def test_algos_and_envs(here: Path) -> None:
    listed = json.loads(harness("algos", "--json").stdout)
    assert [agent["name"] for agent in listed][:3] == ["acktr", "a2c", "trpo"]
    assert "algos.acktr:ACKTR" in harness("algos").stdout
    shown = json.loads(harness("algos", "acktr", "--preset", "paper", "--json").stdout)
    rows = {row["name"]: row for row in shown["domains"]["atari"]}
    assert rows["kfac_kwargs.momentum"]["value"] == 0.0
    assert rows["delta"]["source"] == "A.1"
    assert "kfac_kwargs.momentum" in harness("algos", "acktr").stdout
    assert [row["env_id"] for row in json.loads(harness("envs", "PONG", "--json").stdout)] == [
        "PongNoFrameskip-v4"
    ]
    assert "HalfCheetah-v5" in harness("envs").stdout


def test_an_unexpected_error_keeps_its_traceback(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("harness.sweep.plan.make_plan", broken)
    result = CliRunner().invoke(app, ["sweep", "x.yaml"])
    assert isinstance(result.exception, ValueError)


def test_help_without_a_command() -> None:
    result = harness()
    assert result.exit_code == 2
    assert "sweep" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("status", "adhoc"), ("sweep", "x.yaml", "--dry-run"), ("algos", "acktr"), ("envs",)],
    ids=" ".join,
)
def test_what_only_looks_loads_no_torch(arguments: tuple[str, ...], here: Path) -> None:
    harness(*RUN)
    code = (
        "import sys; from harness.cli import app\n"
        f"try: app({list(arguments)!r})\n"
        "finally: print(sorted({'torch', 'stable_baselines3'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0
    assert done.stderr == "[]\n"


def test_a_real_sweep_and_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Path("real.yaml").write_text("n_timesteps: 300\nseeds: 1\nenvs: [CartPole-v1]\nalgos: [a2c]\n")
    result = harness("sweep", "real.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    (record,) = find_runs(Path("runs"))
    assert record.status()["timesteps"] >= 300
    assert len(record.episodes()) > 1
    assert harness("sweep", "real.yaml").stdout == "nothing to do: the run is done\n"
    report = harness("report", "real", "--json", "--out", "out")
    assert report.exit_code == 0
    (row,) = json.loads(report.stdout)["rows"]
    assert row["env_id"] == "CartPole-v1"
    assert Path("out/curves.png").stat().st_size > 0
    assert "| CartPole-v1 |" in harness("report", "real", "--markdown").stdout
    assert not Path("reports").exists()
    assert harness("report", "real").exit_code == 0
    assert Path("reports/real/curves.png").stat().st_size > 10_000


def test_doctor_finds_this_machine_well(here: Path) -> None:
    result = harness("doctor", "--json")
    checks = {row["check"]: row["ok"] for row in json.loads(result.stdout)}
    assert checks == dict.fromkeys(
        ["python", "packages", "agents", "atari", "mujoco", "torch", "cores", "disk"], True
    )
    broken = harness("doctor", "--json", "--runs-dir", "x.yaml")
    assert broken.exit_code == 1
    assert "x.yaml is a file" in json.loads(broken.stdout)[-1]["found"]
