from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from harness.cli import app

CSV = "game,algo,timestep,mean_reward\n" + "".join(
    f"Pong,{algo},{step},{step + bonus}\n" for algo, bonus in (("a", 0), ("b", 5)) for step in (10, 20)
)


@pytest.fixture
def harness(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curves.csv").write_text(CSV)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_imported_curves_are_reported_and_exported(harness, tmp_path) -> None:
    result = harness("import", "curves.csv", "--sweep", "theirs")
    assert (result.exit_code, result.stdout) == (0, "imported 2 runs into runs/theirs\n")
    rows = json.loads(harness("report", "theirs", "--json").stdout)
    assert [row["last_mean"] for row in rows["rows"]] == [20.0, 25.0]
    assert rows["sections"]["improvement"][0]["probability"] == 0.0
    assert harness("export", "theirs", "--format", "rliable", "--out", "scores.json").exit_code == 0
    assert json.loads((tmp_path / "scores.json").read_text())["scores"] == {"a": [[20.0]], "b": [[25.0]]}
    assert "Comparisons" in harness("report", "theirs", "--all").stdout
    assert "Comparisons" not in harness("report", "theirs").stdout


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (
            "rliable",
            ["a on Pong, seed 0 (failed)", "Breakout: no finished run of a"],
        ),
        ("marl-eval", ["a on PongNoFrameskip-v4, seed 0 (cut off)"]),
        ("episodes", []),
    ],
)
def test_what_an_export_lacks_is_said(harness, tmp_path, form: str, lines: list[str]) -> None:
    points = [("Pong", "a", 0), ("Pong", "a", 1), ("Pong", "b", 0), ("Breakout", "b", 0)]
    rows = "".join(f"{env},{algo},{seed},1,2.0\n" for env, algo, seed in points)
    (tmp_path / "curves.csv").write_text("env,algo,seed,timestep,return\n" + rows)
    harness("import", "curves.csv", "--sweep", "theirs")
    (status,) = tmp_path.glob("runs/theirs/a/Pong*/*/seed-0/status.json")
    error = "cut off" if form == "marl-eval" else None
    status.write_text(json.dumps({"state": "failed", "heartbeat": 0.0, "timesteps": 1, "error": error}))
    result = harness("export", "theirs", "--format", form)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"warning: left out: {line}" for line in lines]


def test_the_projects_own_curves(harness) -> None:
    assert "imported 49 runs" in harness("import", "baselines-atari10M", "--sweep", "page").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "none.csv", "--sweep", "x"), "none.csv: no such file"),
        (("import", "curves.csv", "--sweep", "a/b"), "--sweep 'a/b': expected letters"),
        (("import", "curves.csv", "--sweep", "x", "--algo", "y"), "are for monitor files"),
        (("import", "curves.csv", "--sweep", "x", "--runs-dir", "curves.csv"), "Not a directory"),
        (("import", ".", "--sweep", "x"), "no monitor.csv below it"),
        (("export", "x", "--format", "arrow"), "--format arrow: expected one of rliable, marl-eval"),
        (("export", "x", "--format", "rliable"), "runs: no such directory"),
        (("report", "x", "--baseline", "y"), "runs: no such directory"),
    ],
)
def test_mistakes_are_one_line(harness, arguments: tuple[str, ...], message: str) -> None:
    result = harness(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
