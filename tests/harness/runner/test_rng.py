"""Random states: taken, and given back to another process."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from harness.runner.rng import load_random_state, random_state


def draws(space: spaces.Box) -> list[Any]:
    return [random.random(), np.random.rand(), torch.rand(1).item(), space.sample().item()]


def test_every_generator_goes_on_where_it_was() -> None:
    space = spaces.Box(-1, 1, (1,), np.float64, seed=3)
    state = random_state(space)
    first = draws(space)
    assert draws(space) != first
    other = spaces.Box(-1, 1, (1,), np.float64, seed=4)
    load_random_state(state, other)
    assert draws(other) == first


def test_cudas_is_that_of_the_device_in_use_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device: what is read and what is written."""
    space, written = spaces.Discrete(2, seed=0), []
    there = torch.tensor([1, 2, 3], dtype=torch.uint8)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.get_rng_state", lambda: there)
    monkeypatch.setattr("torch.cuda.set_rng_state", written.append)
    state = random_state(space)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    load_random_state(state, space)
    assert written == []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    load_random_state(state, space)
    assert written == [there]
