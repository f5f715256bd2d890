"""Records packed into one file and read again."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from analysis.archive import read_archive, write_archive
from analysis.importing.model import ImportProblem
from analysis.report import report
from harness.looks import Comparison, Look, Looks, Rule, write_looks
from harness.records import RunRecord, find_runs


@pytest.fixture
def sweep(runs: Any) -> Path:
    for agent, seed, returns, state in (
        ("acktr", 0, [1.0, 2.0, 3.0], "done"),
        ("acktr", 1, [2.0, 2.0], "failed"),
        ("a2c", 0, [5.0], "done"),
    ):
        directory = runs.add(returns, agent=agent, seed=seed, state=state)
        RunRecord(directory).begin_attempt(
            {"hostname": "secretive", "command": ["/home/me/x"], "python": "3"}
        )
        (directory / "model.zip").write_bytes(b"weights")
        (directory / "log.txt").write_text("/home/me\n")
    return runs.root / "sweep"


def test_a_report_of_the_archive_is_the_report_of_the_sweep(sweep: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.tar.xz"
    assert write_archive(sweep, target) == 3
    assert read_archive(target, tmp_path / "other", sweep.name) == 3
    ours, theirs = (report(root, [sweep.name]).to_json() for root in (sweep.parent, tmp_path / "other"))
    assert ours == theirs
    assert len(ours["rows"]) == 2


def test_the_looks_of_a_sequential_sweep_come_along(sweep: Path, tmp_path: Path) -> None:
    rule = Rule("a2c", "last100", 0.05, "none", "pocock", 0, 1, 1, 1)
    one = Comparison("acktr", "PongNoFrameskip-v4", "aaaaaaaa", "aaaaaaaa", (1,))
    look = Look(1, (2.0,), (5.0,), -3.0, 0.05, 1.0, 0.0, None, "undecided", 0.0)
    write_looks(sweep, Looks(rule, (one.with_look(look),)))
    write_archive(sweep, tmp_path / "kept.tar.xz")
    read_archive(tmp_path / "kept.tar.xz", tmp_path / "other", sweep.name)
    ours, theirs = (report(root, [sweep.name]).to_json() for root in (sweep.parent, tmp_path / "other"))
    assert "sequential" in theirs["sections"]
    assert ours == theirs


def test_models_logs_and_whose_machine_it_was_stay_at_home(sweep: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.tar.xz"
    write_archive(sweep, target)
    with tarfile.open(target) as archive:
        names = {Path(name).name for name in archive.getnames()}
        texts = [archive.extractfile(name).read() for name in archive.getnames()]  # type: ignore[union-attr]
    assert names == {"run.json", "status.json", "episodes.csv"}
    assert not any(b"secretive" in text or b"/home/me" in text for text in texts)
    read_archive(target, tmp_path / "other", "again")
    provenance = RunRecord(find_runs(tmp_path / "other")[0].directory).attempts[-1]["provenance"]
    assert provenance == {"python": "3"}


def test_the_same_records_give_the_same_bytes(sweep: Path, tmp_path: Path) -> None:
    write_archive(sweep, tmp_path / "a.tar.xz")
    write_archive(sweep, tmp_path / "b.tar.xz")
    assert (tmp_path / "a.tar.xz").read_bytes() == (tmp_path / "b.tar.xz").read_bytes()


def test_a_sweep_that_is_there_is_not_touched(sweep: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.tar.xz"
    write_archive(sweep, target)
    before = sorted(str(path) for path in sweep.rglob("*"))
    with pytest.raises(ImportProblem, match="is there already; choose another --sweep"):
        read_archive(target, sweep.parent, sweep.name)
    assert sorted(str(path) for path in sweep.rglob("*")) == before


def tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.size = kind, 2 if kind == tarfile.REGTYPE else 0
        member.linkname = "/etc/passwd"
        archive.addfile(member, io.BytesIO(b"{}"))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../run.json", tarfile.REGTYPE),
        ("/tmp/run.json", tarfile.REGTYPE),
        ("a/b/c/seed-0/run.json", tarfile.SYMTYPE),
        ("a/b/c/seed-0/model.zip", tarfile.REGTYPE),
    ],
)
def test_members_that_are_no_records_are_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    source = tar(tmp_path / "bad.tar.xz", name, kind)
    with pytest.raises(ImportProblem, match="is no record of a run"):
        read_archive(source, tmp_path / "runs", "x")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\xfd7zXZ\x00 cut"])
def test_a_damaged_archive_is_one_line_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "cut.tar.xz"
    source.write_bytes(content)
    with pytest.raises(ImportProblem, match=r"cut.tar.xz: not readable as a .tar.xz"):
        read_archive(source, tmp_path / "runs", "x")
    assert not (tmp_path / "runs").exists()


def test_an_archive_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="without runs"):
        read_archive(tar(tmp_path / "bad.tar.xz", "a/episodes.csv"), tmp_path / "runs", "x")
    assert not (tmp_path / "runs" / "x").exists()


def test_the_commands(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from harness.cli import app

    monkeypatch.chdir(tmp_path)
    harness = CliRunner().invoke
    export = ["export", str(sweep), "--format", "archive"]
    assert "expected one sweep and --out FILE.tar.xz" in harness(app, export).stderr
    assert harness(app, [*export, "--out", "x.tar.xz"]).exit_code == 0
    refused = harness(app, ["import", "x.tar.xz", "--sweep", "y", "--algo", "z"])
    assert (refused.exit_code, "are for monitor files" in refused.stderr) == (2, True)
    result = harness(app, ["import", "x.tar.xz", "--sweep", "y", "--runs-dir", "elsewhere"])
    assert (result.exit_code, result.stdout) == (0, "imported 3 runs into elsewhere/y\n")
    assert json.loads(harness(app, ["report", "y", "--runs-dir", "elsewhere", "--json"]).stdout)["rows"]
