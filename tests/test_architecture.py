"""Who may import whom: the rooms of the project, held by reading the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "algos": ("harness", "analysis"),
    "algos/kfac": ("stable_baselines3", "gymnasium", "numpy", "pydantic"),
    "analysis": (
        "torch",
        "stable_baselines3",
        "gymnasium",
        "harness.sweep",
        "harness.runner",
        "harness.envs.make",
    ),
    "harness/envs": ("harness.runner", "harness.sweep", "harness.commands", "algos", "analysis"),
    "harness/evaluation": ("harness.sweep", "harness.commands", "harness.cli", "analysis"),
    "harness/runner": ("harness.sweep", "harness.tracking", "harness.commands", "harness.cli", "analysis"),
    "harness/tracking": (
        "torch",
        "stable_baselines3",
        "gymnasium",
        "harness.sweep",
        "harness.commands",
        "harness.cli",
        "analysis",
    ),
    "harness/sweep": ("harness.commands", "harness.cli", "analysis", "torch"),
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    breaches = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if any(name == banned or name.startswith(f"{banned}.") for banned in FORBIDDEN[room])
    ]
    assert breaches == []


@pytest.mark.parametrize(
    "module",
    [
        "harness.spec",
        "harness.records",
        "harness.cli",
        "harness.sweep.status",
        "harness.tracking.follow",
        "harness.evaluation.record",
        "algos.registry",
        "analysis",
    ],
)
def test_these_modules_do_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_is_longer_than_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for room in ("algos", "harness", "analysis", "tests")
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 420
    }
    assert long == {}
