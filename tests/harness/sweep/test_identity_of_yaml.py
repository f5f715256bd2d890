"""Identity does not depend on how a sweep's file is written, only on what it says."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algos.registry import get_agent
from harness.sweep.expand import load_sweep

AGENTS = ("acktr", "a2c", "trpo")
BUDGET = 100_000


def identity(content: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "s.yaml"
        path.write_text(content)
        (run,) = load_sweep(path).runs
    return run.identity


def written(
    agent: str, settings: dict[str, Any], n_timesteps: str = str(BUDGET), turned: bool = False
) -> str:
    """A sweep's file, in YAML's flow style, with every mapping's keys in one order or the other."""
    content: dict[str, Any] = {
        "n_timesteps": "BUDGET",
        "seeds": 1,
        "envs": ["CartPole-v1"],
        "algos": {agent: {"hyperparameters": settings}},
    }
    return json.dumps(_turned(content) if turned else content).replace('"BUDGET"', n_timesteps)


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return value


def _respelled(value: Any, as_float: bool) -> Any:
    if isinstance(value, dict):
        return {key: _respelled(item, as_float) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and not as_float:
        return int(value)
    return value


@given(data=st.data(), agent=st.sampled_from(AGENTS), turned=st.booleans(), as_float=st.booleans())
def test_spelled_out_defaults_order_and_number_formats_change_nothing(
    data: st.DataObject, agent: str, turned: bool, as_float: bool
) -> None:
    defaults = get_agent(agent).resolve("gym")
    names = data.draw(st.sets(st.sampled_from(sorted(defaults))))
    budget = data.draw(
        st.sampled_from(["100000", "1e5", "100_000", '"1e5"', f"{Decimal(BUDGET):e}", "100000.0"])
    )
    settings = _respelled({name: defaults[name] for name in sorted(names)}, as_float)
    assert identity(written(agent, settings, budget, turned)) == identity(written(agent, {}))


@given(budget=st.integers(1, 10**9).filter(lambda n: n != BUDGET))
def test_another_budget_is_another_run(budget: int) -> None:
    assert identity(written("a2c", {}, str(budget))) != identity(written("a2c", {}))


@pytest.mark.parametrize("agent", AGENTS)
def test_another_hyperparameter_is_another_run(agent: str) -> None:
    assert identity(written(agent, {"gamma": 0.5})) != identity(written(agent, {}))
