"""The blocks of a page, the commands in them, and what these print held against what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```", re.M | re.S)
SEPARATOR = "@ended with "


@dataclass
class Command:
    """A line to type, and the lines of its output that the page shows; ``…`` alone is none."""

    line: str
    shown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """A fenced block, with the remark in the comment before it."""

    mark: str
    language: str
    body: str

    @property
    def commands(self) -> list[Command]:
        """Of a block whose commands begin with ``$``."""
        found: list[Command] = []
        for line in self.body.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line.strip() != "…":
                found[-1].shown.append(line)
        return found


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["mark"] or "", one["language"], one["body"]) for one in found]


def execute(
    commands: Sequence[Command], place: Path, environment: Mapping[str, str], code: str = "0"
) -> None:
    """Run commands in one shell; check how each ends and what it prints."""
    script = "\n".join(f"{command.line}\necho '{SEPARATOR}'$?" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )
    *parts, rest = re.split(rf"^{SEPARATOR}(\d+)$", done.stdout, flags=re.M)
    assert not rest.strip()
    for command, printed, ended in zip(commands, parts[::2], parts[1::2], strict=True):
        assert ended == code, f"{command.line}\n{printed}"
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


def commands_here(site: Path | None = None, **more: str) -> dict[str, str]:
    """The environment in which ``harness`` and ``python`` are this project's; ``site`` has other packages."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    packages = os.pathsep.join(map(str, [*([site] if site else []), ROOT]))
    return os.environ | {"PATH": path, "PYTHONPATH": packages} | more
