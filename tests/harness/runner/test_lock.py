"""One supervisor at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.runner.lock import lock
from harness.spec import SpecError

HOLD = (
    "import sys; from pathlib import Path; from harness.runner.lock import lock\n"
    "with lock(Path(sys.argv[1]), 'sweep x'):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def test_a_second_holder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    expected = rf"sweep x is already being run by process {holder.pid} on .* \(lock .*\.lock\)"
    with pytest.raises(SpecError, match=expected), lock(tmp_path, "sweep x"):
        pass
    holder.kill()
    holder.communicate()
    with lock(tmp_path, "sweep x"):
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} on ")


def test_it_is_freed_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), lock(tmp_path, "sweep x"):
        raise RuntimeError
    with lock(tmp_path, "sweep x"):
        pass


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SpecError, match=r"cannot be written \(Not a directory\)"),
        lock(tmp_path / "file/x", "x"),
    ):
        pass
