"""The comparison report, built without a server and read as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord
from harness.spec import RunSpec
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


def test_mistakes_are_one_line(runs_dir: Path, tmp_path: Path) -> None:
    def line(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["wandb", "report", *arguments])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        return result.stderr

    assert "nowhere: no runs there" in line("nowhere", "--runs-dir", str(runs_dir))
    missing = ("--table", str(tmp_path / "no.md"))
    assert "expected a Markdown file" in line("grid", "--runs-dir", str(runs_dir), *missing)
