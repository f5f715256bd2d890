"""The README's quickstart runs as it stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import algos.kfac


def test_the_quickstart_runs_and_takes_steps_inside_the_region(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(algos.kfac.__file__).parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    scope: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), scope)
    assert 0 < float(scope["opt"].last["predicted_kl"]) <= 1e-3 * (1 + 1e-4)
    assert capsys.readouterr().out.count("tensor(") == 3


def test_nothing_but_torch_is_imported() -> None:
    allowed = {"algos", "torch", *sys.stdlib_module_names}
    for path in Path(algos.kfac.__file__).parent.glob("*.py"):
        modules = re.findall(r"^\s*(?:from|import) (\S+)", path.read_text(), re.MULTILINE)
        assert {module.split(".")[0] for module in modules} <= allowed, path.name
        assert all(m.startswith("algos.kfac") for m in modules if m.startswith("algos"))
