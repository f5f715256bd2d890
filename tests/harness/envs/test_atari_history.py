"""An emulator reset brings a game back to one state whatever was played before, but for those listed."""

from __future__ import annotations

import numpy as np
import pytest

from harness.envs import AtariProtocol
from harness.envs.atari_game import HISTORY_DEPENDENT_ROMS
from harness.envs.make import make_vec_env
from harness.envs.names import atari_games

PROTOCOL = AtariProtocol(noop_max=0, terminal_on_life_loss=False)


def second_game(game: str, history: int) -> list[bytes]:
    """Observations of 500 timesteps that begin after a reset, which follows ``history`` random timesteps."""
    venv = make_vec_env(game, PROTOCOL, 1, 0)
    n_actions = venv.action_space.n  # type: ignore[attr-defined]
    past, actions = np.random.default_rng(0), np.random.default_rng(1)
    venv.reset()
    for _ in range(history):
        if venv.step(past.integers(0, n_actions, 1))[2][0]:
            break
    else:
        venv.reset()
    seen = [venv.step(actions.integers(0, n_actions, 1))[0].tobytes() for _ in range(500)]
    venv.close()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(
    "game", [game for game, rom in atari_games().items() if rom not in HISTORY_DEPENDENT_ROMS]
)
def test_a_reset_forgets_the_game_before(game: str) -> None:
    assert second_game(game, 211) == second_game(game, 0) == second_game(game, 4000)


def test_the_listed_games_exist() -> None:
    assert set(atari_games().values()) >= HISTORY_DEPENDENT_ROMS


@pytest.mark.parametrize("history", [0, 50])
def test_pong_forgets(history: int) -> None:
    assert second_game("Pong", history)[:50] == second_game("Pong", 120)[:50]
