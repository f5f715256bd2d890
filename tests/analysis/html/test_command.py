from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from analysis.html import html_report
from analysis.report import report
from harness.cli import app


@pytest.fixture
def root(tmp_path: Path, writer: Any) -> Path:
    for agent in ("a2c", "acktr"):
        writer(tmp_path / "runs", [1.0] * 9, agent=agent, env_id="CartPole-v1")
    return tmp_path


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(root)
    return lambda *arguments: CliRunner().invoke(app, ["report", "sweep", *arguments])


def test_the_page_is_written_and_nothing_else(run: Callable[..., Result], root: Path) -> None:
    done = run("--html", "new/report.html", "--baseline", "a2c")
    assert done.exit_code == 0, done.output
    assert "wrote new/report.html" in done.stderr
    assert sorted(path.name for path in root.iterdir()) == ["new", "runs"]
    expected = html_report(report(root / "runs", ["sweep"], baseline="a2c"))
    assert (root / "new" / "report.html").read_text(encoding="utf-8") == expected


def test_a_page_that_cannot_be_written_is_one_line(run: Callable[..., Result], root: Path) -> None:
    (root / "folder").mkdir()
    refused = run("--html", "folder")
    assert refused.exit_code == 2
    assert refused.stderr == "harness: --html folder: cannot be written (Is a directory); expected a file\n"
    assert list((root / "folder").iterdir()) == []
