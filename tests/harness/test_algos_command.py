"""``harness algos``: presets side by side, with their sources and quirks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app


def harness(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["algos", *arguments])


def test_explain_prints_the_differences_of_the_presets() -> None:
    shown = harness("--explain", "acktr")
    assert shown.exit_code == 0
    atari = shown.stdout.split("acktr, atari-sticky")[0]
    header = next(line for line in atari.splitlines() if "setting" in line)
    assert header.split() == ["setting", "tuned", "paper", "released", "sources"]
    assert "released: kfac_clip 0.001 without the factor 2 of 3.2" in atari
    assert "PaperCnnPolicy" not in atari
    assert "acktr, atari-sticky: as atari" in shown.stdout
    assert "acktr, gym: no differences; presets: tuned" in shown.stdout
    assert "Cold start" in shown.stdout


def test_explain_as_json() -> None:
    content = json.loads(harness("--explain", "acktr", "--json").stdout)
    assert content["presets"] == ["tuned", "paper", "released"]
    row = content["domains"]["mujoco"]["target_kl"]
    assert row["released"] == {"value": 0.002, "source": "run_mujoco, desired_kl"}
    assert row["tuned"] == {"value": None, "source": "default"}
    assert any(not quirk["reproduced"] for quirk in content["quirks"]["released"])


def test_a_preset_is_shown_for_its_domains_with_its_quirks() -> None:
    content = json.loads(harness("acktr", "--preset", "released", "--json").stdout)
    assert set(content["domains"]) == {"atari", "atari-sticky", "mujoco"}
    assert content["quirks"]
    assert "quirks of what it stands for" in harness("acktr", "--preset", "released").stdout
    assert "quirks" not in harness("acktr", "--preset", "paper").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain"], "--explain: expected an agent's name with it, as in harness algos acktr --explain"),
        (["acktr", "--explain", "--preset", "paper"], "--explain: shows all presets side by side"),
        (["--preset", "paper"], "--preset: expected an agent's name with it"),
        (["acktr", "--preset", "papr"], "unknown preset 'papr'; expected one of: tuned, paper, released"),
        (["--explain", "acktrr"], "unknown agent 'acktrr'; nearest: acktr"),
    ],
    ids=str,
)
def test_bad_calls_are_one_clear_line(arguments: list[str], message: str) -> None:
    result = harness(*arguments)
    assert result.exit_code != 0
    text = result.stderr or str(result.exception)
    assert message in text
