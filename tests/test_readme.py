"""The README: its YAML expands, its Python runs, its commands exist, its error is the real one."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.sweep.expand import load_sweep

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


COMMANDS = [line.split("   ")[0] for line in README.splitlines() if line.startswith("harness ")]


def test_the_sweep_expands(tmp_path: Path) -> None:
    (yaml,) = blocks("yaml")
    (tmp_path / "sweep.yaml").write_text(yaml)
    assert len(load_sweep(tmp_path / "sweep.yaml").runs) == 2 * 5 * (4 + 1 + 1)


def test_the_error_is_the_one_that_a_user_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (yaml,) = blocks("yaml")
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(yaml.replace("eta_max", "eta_maks"))
    refused = CliRunner().invoke(app, ["sweep", "sweep.yaml"])
    assert refused.exit_code == 2
    assert refused.stderr in README
    assert not Path("runs").exists()


def test_the_python_example_runs() -> None:
    (code,) = blocks("python")
    assert ".learn(50_000)" in code
    code = code.replace(".learn(50_000)", ".learn(512)")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_exists(command: str) -> None:
    _, name, *arguments = shlex.split(command)
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for argument in arguments:
        if argument.startswith("--"):
            assert argument in shown.stdout


def test_the_commands_were_found() -> None:
    assert len(COMMANDS) >= 9
