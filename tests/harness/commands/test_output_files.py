"""``--out`` and ``--html``: a file is whole or not there, and the old one stays until the new one is."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app

CSV = "game,algo,timestep,mean_reward\n" + "".join(
    f"Pong,{algo},{step},{step}\n" for algo in "ab" for step in (10, 20)
)
EXPORT = ("export", "s", "--format", "progress", "--out")
ONE_FILE = [
    ("--out", EXPORT, "file.csv"),
    ("--out", ("export", "s", "--format", "archive", "--out"), "file.tar.xz"),
    ("--html", ("report", "s", "--html"), "file.html"),
]
FULL = "No space left on device"


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curves.csv").write_text(CSV)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    assert invoke("import", "curves.csv", "--sweep", "s").exit_code == 0
    return invoke


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written fits into memory, and onto no disk."""

    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(os, "fsync", fsync)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name not in ("runs", "curves.csv"))


@pytest.mark.parametrize(("option", "command", "name"), ONE_FILE)
def test_on_a_full_disk_the_old_file_stays(
    harness: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    command: tuple[str, ...],
    name: str,
) -> None:
    Path(name).write_text("old")
    fill_the_disk(monkeypatch)
    done = harness(*command, name)
    said = f"harness: {option} {name}: cannot be written ({FULL})\n"
    assert (done.exit_code, done.stderr) == (2, said)
    assert (names(), Path(name).read_text()) == ([name], "old")


@pytest.mark.parametrize("command", [("report", "s"), ("reproduce", "table3")])
def test_a_directory_on_a_full_disk_is_one_line(
    harness: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    fill_the_disk(monkeypatch)
    done = harness(*command, "--out", "new")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("harness: --out new: new/")
    assert done.stderr.endswith(f": cannot be written ({FULL})\n")
    assert list(Path("new").iterdir()) == []


@pytest.mark.parametrize(("option", "command", "name"), ONE_FILE)
def test_a_link_stays_one_and_the_file_keeps_its_permissions(
    harness: Callable[..., Result], option: str, command: tuple[str, ...], name: str
) -> None:
    Path("elsewhere").mkdir()
    target = Path("elsewhere", f"real-{name}")
    Path(name).symlink_to(target)
    assert harness(*command, name).exit_code == 0
    assert Path(name).is_symlink()
    target.chmod(0o640)
    assert harness(*command, name).exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert os.listdir("elsewhere") == [target.name]


@pytest.mark.parametrize(("option", "command", "name"), ONE_FILE)
def test_a_pipe_is_written_to_and_not_replaced(
    harness: Callable[..., Result], option: str, command: tuple[str, ...], name: str
) -> None:
    os.mkfifo(name)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(Path(name).read_bytes()), daemon=True)
    reader.start()
    assert harness(*command, name).exit_code == 0
    assert stat.S_ISFIFO(os.stat(name).st_mode)
    reader.join(10)
    assert len(received[0]) > 100


def test_a_name_as_long_as_can_be(harness: Callable[..., Result]) -> None:
    name = f"{'x' * 251}.csv"
    assert harness(*EXPORT, name).exit_code == 0
    assert names() == [name]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no/f.csv", "(No such file or directory); expected a file in an existing directory"),
        ("runs", "(Is a directory); expected a file in an existing directory"),
        ("curves.csv/f.csv", "(Not a directory); expected a file in an existing directory"),
    ],
)
def test_a_place_that_is_none_is_one_line(harness: Callable[..., Result], path: str, said: str) -> None:
    done = harness(*EXPORT, path)
    assert (done.exit_code, done.stderr) == (2, f"harness: --out {path}: cannot be written {said}\n")


def test_a_full_disk_behind_standard_output(
    harness: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(*arguments: object, err: bool = False, **options: object) -> None:
        if not err:
            raise OSError(errno.ENOSPC, FULL)
        said.append(str(arguments[0]))

    said: list[str] = []
    monkeypatch.setattr("typer.echo", echo)
    assert harness("export", "s", "--format", "progress").exit_code == 2
    assert said == [f"harness: output: cannot be written ({FULL})"]


def test_an_import_onto_a_full_disk_leaves_nothing(
    harness: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def fsync(descriptor: int) -> None:
        begun.append(descriptor)
        if len(begun) > 3:
            raise OSError(errno.ENOSPC, FULL)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        done = harness("import", "curves.csv", "--sweep", "t")
    assert done.exit_code == 2
    assert done.stderr.startswith("harness: runs/t/")
    assert done.stderr.endswith(f": cannot be written ({FULL})\n")
    assert not Path("runs", "t").exists()
    assert harness("import", "curves.csv", "--sweep", "t").exit_code == 0
