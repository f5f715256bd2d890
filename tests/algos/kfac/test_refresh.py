"""Amortised and lagged inverses: when they change, and that timing does not matter."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import torch
from torch import Tensor

from algos.kfac import KFAC
from algos.kfac import refresh as refresh_module
from tests.algos.kfac.conftest import TwoHeads, actor_critic_heads, factors, mlp, observe


def run(steps: int = 12, **options: Any) -> tuple[KFAC, list[Tensor]]:
    """Train a small network; returns the optimizer and the first layer's inverse after every step."""
    torch.manual_seed(3)
    net = TwoHeads(mlp(6, 8), 8, 3)
    opt = KFAC(net, **options)
    generator = torch.Generator().manual_seed(0)
    inverses = []
    for _ in range(steps):
        outputs = observe(opt, torch.randn(20, 6), actor_critic_heads, generator=generator)
        opt.zero_grad()
        (outputs[0][:, 0].mean() + outputs[1].square().mean()).backward()
        opt.step()
        inverses.append(next(iter(opt.state[net.trunk[0].weight]["inverse"].values())))
    return opt, inverses


def changes(inverses: list[Tensor]) -> list[int]:
    """Steps at which the inverse is another one than before."""
    return [i for i in range(1, len(inverses)) if inverses[i] is not inverses[i - 1]]


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ({"inverse_every": 4}, [1, 2, 4, 8]),
        ({"inverse_every": 4, "inverse_lag": 1}, [1, 2, 5, 9]),
        ({"inverse_every": 4, "inverse_lag": 4}, [1, 2, 8]),
        ({"inverse_every": 1, "inverse_lag": 1}, list(range(2, 12))),
        ({"inverse_every": 20}, [1, 2, 4, 8]),
    ],
)
def test_inverses_change_at_fixed_steps(options: dict[str, int], at: list[int]) -> None:
    """Every so many steps, and at powers of two while the statistics are young."""
    assert changes(run(**options)[1]) == at


def test_a_lagged_inverse_is_of_the_factors_at_its_start() -> None:
    _, now = run(inverse_every=4)
    _, later = run(inverse_every=4, inverse_lag=2)
    assert not torch.equal(later[5], now[5])
    assert torch.equal(later[6], now[4])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", ["factored", "eigen"])
def test_background_and_foreground_agree_bit_for_bit(
    mode: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(threads)
    options = {"inverse_every": 3, "inverse_lag": 2, "damping_mode": mode}
    foreground, _ = run(**options)
    fast, _ = run(inverse_background=True, **options)
    where: set[str] = set()
    original = refresh_module.invert

    def slow(*args: Any) -> Any:
        where.add(threading.current_thread().name)
        time.sleep(0.005)
        return original(*args)

    monkeypatch.setattr(refresh_module, "invert", slow)
    slowed, _ = run(inverse_background=True, **options)
    assert any(name.startswith("kfac-inverse") for name in where)
    for a, b, c in zip(*(opt.model.parameters() for opt in (foreground, fast, slowed)), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_running_factors_are_not_changed_under_a_background_inversion() -> None:
    opt, _ = run(steps=2)
    before = factors(opt, "pi")
    kept = [f.clone() for f in before]
    observe(opt, torch.randn(20, 6), actor_critic_heads)
    assert all(map(torch.equal, before, kept))
    assert not torch.equal(factors(opt, "pi")[0], before[0])


def test_an_error_in_the_background_surfaces_at_the_step_that_needs_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"inverse_every": 2, "inverse_lag": 2, "inverse_background": True}
    opt, _ = run(steps=2, **options)

    def broken(*_: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(refresh_module, "invert", broken)
    opt.step()  # starts a refresh
    opt.step()
    with pytest.raises(MemoryError, match="no room"):
        opt.step()
