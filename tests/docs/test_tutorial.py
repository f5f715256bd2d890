"""docs/tutorial.md does what it says: its files are written, its commands run, their output is theirs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```", re.M | re.S)
STUB = ROOT / "tests" / "harness" / "tracking" / "stub_server.py"
SEPARATOR = "@ended with "


@dataclass
class Command:
    line: str
    shown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    mark: str
    language: str
    body: str

    @property
    def commands(self) -> list[Command]:
        found: list[Command] = []
        for line in self.body.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line.strip() != "…":
                found[-1].shown.append(line)
        return found


BLOCKS = [Block(found["mark"] or "", found["language"], found["body"]) for found in BLOCK.finditer(TUTORIAL)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory like the project's, as far as the tutorial looks at it."""
    shutil.copytree(ROOT / "sweeps", tmp_path / "sweeps")
    return tmp_path


@pytest.fixture
def server(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A W&B server on the loopback interface, and an environment that sends the client there."""
    spec = importlib.util.spec_from_file_location("tutorial_stub_server", STUB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    stub = module.StubServer()
    monkeypatch.setenv("NETRC", str(place / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", stub.url)
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef" * 2 + "01234567")
    yield stub
    stub.close()


def environment(place: Path) -> dict[str, str]:
    """Commands of this environment; ``pip install`` goes into ``place``, and asks no index."""
    site = str(place / "site")
    no = "0"  # of the option --no-build-isolation, which pip reads the other way round
    pip = {"PIP_TARGET": site, "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": no}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | pip | {"PATH": path, "PYTHONPATH": site}


def execute(block: Block, place: Path) -> None:
    """Run a block's commands in one shell; check how they end and what they print."""
    commands = block.commands
    script = "\n".join(f"{command.line}\necho '{SEPARATOR}'$?" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )
    *parts, rest = re.split(rf"^{SEPARATOR}(\d+)$", done.stdout, flags=re.M)
    assert not rest.strip()
    expected = block.mark.removeprefix("exits with ") if block.mark.startswith("exits with ") else "0"
    for command, printed, code in zip(commands, parts[::2], parts[1::2], strict=True):
        assert code == expected, f"{command.line}\n{printed}"
        check_shown(command, printed)


def check_shown(command: Command, printed: str) -> None:
    """The lines that the page shows are among those printed, in this order; ``…`` stands for anything."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for shown in command.shown:
        parts = " ".join(shown.split()).split("…")
        pattern = ".*".join(map(re.escape, parts))
        assert any(re.fullmatch(pattern, line) for line in lines), (
            f"{command.line}: no {shown!r} in {printed}"
        )


def write(block: Block, place: Path) -> None:
    path = place / block.mark.removeprefix("file: ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.body, encoding="utf-8")


def test_every_block_is_a_file_or_commands() -> None:
    for block in BLOCKS:
        if block.language == "console":
            assert block.body.startswith("$ ")
            assert re.fullmatch(r"|slow|exits with \d+|needs a (cluster|network)", block.mark), block.mark
        else:
            assert block.mark.startswith("file: "), block.body
    assert sum(block.language == "console" for block in BLOCKS) >= 12


@pytest.mark.timeout(2400)
def test_it_runs_from_top_to_bottom(place: Path, server: Any) -> None:
    for block in BLOCKS:
        if block.language != "console":
            write(block, place)
        elif block.mark not in ("slow", "needs a cluster"):
            execute(block, place)
    assert len(server.runs) == 4
    assert all(run.points and run.exit_code == 0 for run in server.runs.values())
    (saved,) = server.reports
    assert saved["displayName"] == "Sweep first"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_figure_is_reproduced(place: Path) -> None:
    slow = [block for block in BLOCKS if block.mark == "slow"]
    assert slow
    for block in slow:
        execute(block, place)
