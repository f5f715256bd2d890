"""The comparison report, read as data: as it is built, and as a server on the loopback interface gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord, find_runs
from harness.spec import RunSpec
from harness.tracking.describe import describe
from harness.tracking.points import STEP


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Two agents on two environments; one of them with two step sizes on one."""
    cells = [
        ("a2c", "CartPole-v1", 0.1),
        ("acktr", "CartPole-v1", 0.1),
        ("acktr", "CartPole-v1", 0.3),
        ("acktr", "Acrobot-v1", 0.1),
    ]
    for label, env_id, eta in cells:
        for seed in range(2):
            spec = RunSpec.model_validate(
                {
                    "algo": label,
                    "env_id": env_id,
                    "protocol": {"name": "gym"},
                    "n_timesteps": 100,
                    "hyperparameters": {"eta_max": eta, "n_steps": 5, "policy_kwargs": {"net_arch": [4]}},
                    "seed": seed,
                }
            )
            RunRecord(spec.directory(tmp_path / "runs", "grid")).create(spec.to_json(), "grid")
    return tmp_path / "runs"


def blocks(runs_dir: Path, *options: str) -> list[dict[str, Any]]:
    arguments = ["wandb", "report", "grid", "--dry-run", "--runs-dir", str(runs_dir), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["displayName"] == "Sweep grid"
    assert content["project"]["name"] == "acktr-harness"
    found: list[dict[str, Any]] = content["spec"]["blocks"]
    return found


def headings(found: list[dict[str, Any]]) -> list[str]:
    return [block["children"][0]["text"] for block in found if block["type"] == "heading"]


def grids(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block["metadata"] for block in found if block["type"] == "panel-grid"]


def panels(grid: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(panel["viewType"], panel["config"]) for panel in grid["panelBankSectionConfig"]["panels"]]


def test_each_environment_has_its_agents_curves_and_scores(runs_dir: Path) -> None:
    found = blocks(runs_dir)
    assert headings(found)[:3] == ["Learning curves and final scores", "Acrobot-v1", "CartPole-v1"]
    acrobot, cartpole = grids(found)[:2]
    assert [runs["name"] for runs in acrobot["runSets"]] == ["acktr"]
    assert [runs["name"] for runs in cartpole["runSets"]] == ["a2c", "acktr"]
    filters = cartpole["runSets"][1]["filters"]["filters"]
    assert {item["key"]["name"]: item["value"] for item in filters} == {
        "sweep_name": "grid",
        "env_id": "CartPole-v1",
        "label": "acktr",
    }
    assert all(item["key"]["section"] == "config" for item in filters)
    grouping = cartpole["runSets"][1]["grouping"]
    assert [key["name"] for key in grouping] == ["label.value", "identity.value"]
    (kind, curve), (bars, final), _ = panels(cartpole)
    assert (kind, bars) == ("Run History Line Plot", "Bar Chart")
    assert (curve["xAxis"], curve["metrics"]) == (STEP, ["rollout/ep_rew_mean"])
    assert "rollout/ep_rew_mean" in json.dumps(final["metrics"])


def test_hyperparameters_that_were_varied_are_compared(runs_dir: Path) -> None:
    acrobot, cartpole = grids(blocks(runs_dir))[2:]
    assert [kind for kind, _ in panels(acrobot)] == ["Run Comparer"]
    (_, compared), (kind, columns) = panels(cartpole)
    assert compared["diffOnly"] == "split"
    assert kind == "Parallel Coordinates Plot"
    accessors = [column["accessor"] for column in columns["columns"]]
    assert len(accessors) == 2  # eta_max and the score; n_steps and net_arch are the same everywhere
    assert accessors[0] == "config:hyperparameters.value.eta_max"


def test_a_table_stands_in_front(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "claims.md").write_text("| claim | verdict |\n|---|---|\n| faster | inconclusive |\n")
    found = blocks(runs_dir, "--table", str(tmp_path / "claims.md"))
    assert headings(found)[0] == "Results"
    (table,) = (block for block in found if block["type"] == "markdown-block")
    assert "inconclusive" in table["content"]


def chosen(runs: dict[str, Any], config: dict[str, Any]) -> bool:
    """Whether W&B would take a run of this config into a run set."""
    filters = runs["filters"]["filters"]
    assert {(item["op"], item["key"]["section"]) for item in filters} == {("=", "config")}
    assert all(item["connector"] == "AND" for item in filters[1:])
    return all(config[item["key"]["name"]] == item["value"] for item in filters)


def test_every_run_as_it_is_tracked_is_in_one_run_set_of_its_environment(runs_dir: Path) -> None:
    sets = [(number, runs) for number, grid in enumerate(grids(blocks(runs_dir))) for runs in grid["runSets"]]
    for record in find_runs(runs_dir):
        config = describe(record).config
        mine = [(number, runs["name"]) for number, runs in sets if chosen(runs, config)]
        first = 0 if config["env_id"] == "Acrobot-v1" else 1  # curves and scores, then hyper-parameters
        assert mine == [(first, config["label"]), (first + 2, config["label"])]


def test_what_the_server_gets(runs_dir: Path, tmp_path: Path, server: Any) -> None:
    """Saved twice by the real client, it makes the project once; the second time it is another report."""
    (tmp_path / "claims.md").write_text("| claim | verdict |\n|---|---|\n| faster | inconclusive |\n")
    arguments = [
        "wandb",
        "report",
        "grid",
        "--runs-dir",
        str(runs_dir),
        "--table",
        str(tmp_path / "claims.md"),
    ]
    for _ in range(2):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[-1].startswith(
            f"{server.url}/ent/acktr-harness/reports/Sweep-grid--"
        )
    assert server.projects == ["acktr-harness"]
    assert len(server.reports) == 2
    sent = server.reports[0]
    assert (sent["entityName"], sent["projectName"], sent["type"]) == ("ent", "acktr-harness", "runs")
    assert sent["displayName"] == "Sweep grid"
    found = sent["spec"]["blocks"]
    assert headings(found) == [
        "Results",
        "Learning curves and final scores",
        "Acrobot-v1",
        "CartPole-v1",
        "Hyper-parameters",
        "Acrobot-v1: hyper-parameters",
        "CartPole-v1: hyper-parameters",
    ]
    (table,) = (block["content"] for block in found if block["type"] == "markdown-block")
    assert table == (tmp_path / "claims.md").read_text()
    run_sets = [[runs["name"] for runs in grid["runSets"]] for grid in grids(found)]
    assert run_sets == [["acktr"], ["a2c", "acktr"]] * 2
    kinds = [[kind for kind, _ in panels(grid)] for grid in grids(found)]
    scores = ["Run History Line Plot", "Bar Chart", "Run History Line Plot"]
    assert kinds == [scores, scores, ["Run Comparer"], ["Run Comparer", "Parallel Coordinates Plot"]]
    for grid in grids(found)[:2]:
        (_, curve), (_, bars), _ = panels(grid)
        assert (curve["xAxis"], curve["metrics"]) == (STEP, ["rollout/ep_rew_mean"])
        assert "rollout/ep_rew_mean" in json.dumps(bars["metrics"])


_SLOW = [pytest.param(mood, marks=pytest.mark.slow) for mood in ("failing", "hanging")]
"""The client gives up after 20 s."""


@pytest.mark.parametrize("trouble", ["refusing", "without a key", *_SLOW])
def test_a_report_that_is_not_taken_is_one_line(
    trouble: str, runs_dir: Path, server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if trouble == "without a key":
        monkeypatch.delenv("WANDB_API_KEY")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    else:
        server.mood = trouble
    result = CliRunner().invoke(app, ["wandb", "report", "grid", "--runs-dir", str(runs_dir)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("harness wandb report: ")
    assert "Traceback" not in result.stderr
    assert server.reports == []


def test_mistakes_are_one_line(runs_dir: Path, tmp_path: Path) -> None:
    def line(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["wandb", "report", *arguments])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        return result.stderr

    assert "nowhere: no runs there" in line("nowhere", "--runs-dir", str(runs_dir))
    missing = ("--table", str(tmp_path / "no.md"))
    assert "expected a Markdown file" in line("grid", "--runs-dir", str(runs_dir), *missing)


def test_it_is_saved_where_the_runs_were_sent(runs_dir: Path) -> None:
    records = find_runs(runs_dir / "grid")

    def sent_to(record: RunRecord, entity: str | None, project: str) -> None:
        (record.directory / "wandb").mkdir(exist_ok=True)
        place = {"place": [entity, project], "history": 0}
        (record.directory / "wandb" / "state.json").write_text(json.dumps(place), encoding="utf-8")

    def project(*options: str) -> dict[str, Any]:
        arguments = ["wandb", "report", "grid", "--dry-run", "--runs-dir", str(runs_dir), *options]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)["project"]
        return found

    sent_to(records[0], "team", "mine")
    assert (project()["name"], project()["entityName"]) == ("mine", "team")
    assert project("--entity", "others")["entityName"] == "others"
    assert project("--project", "third")["name"] == "third"
    sent_to(records[1], None, "second")
    result = CliRunner().invoke(app, ["wandb", "report", "grid", "--dry-run", "--runs-dir", str(runs_dir)])
    assert result.exit_code == 2
    assert "were sent to second, team/mine; expected --project" in result.output
    assert project("--project", "third")["name"] == "third"
