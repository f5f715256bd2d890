"""Atari for SB3: many games on ale-py's native emulators, preprocessed as Mnih et al. (2015)."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from harness.envs.atari_game import AtariGame, Played
from harness.envs.base import HarnessVecEnv, Indices
from harness.envs.protocol import AtariSettings

Stack = NDArray[np.uint8]
Result = TypeVar("Result")


class AtariVecEnv(HarnessVecEnv):
    """``n_envs`` games of one ROM, observations uint8 [n_envs, frame_stack, screen_size, screen_size].

    Channels come first, which SB3's CnnPolicy takes as it is. The semantics are those of SB3's
    ``make_atari_env`` and ``VecFrameStack``: no-ops, FIRE, then action 2 open a game; each action lasts
    ``frame_skip`` frames, of which the last two are max-pooled; a lost life is done, and a hidden no-op and
    FIRE go on with the same game; the stack is cleared at every done; the agent sees the sign of the reward.
    ``test_atari_against_sb3.py`` plays whole games side by side. The differences:

    - Unavoidable with the native emulator: no-ops are 0 to noop_max - 1 rather than 1 to noop_max; frames
      turn grey before they are max-pooled rather than after, which changes pixels where two sprites take
      turns; the last frame of a game that ends within a timestep is pooled with an older one;
      ``max_frames_per_episode`` does not count the no-ops.
    - Chosen: ``infos[i]["episode"]`` has the length in timesteps, not in frames, and a game that ends in the
      hidden frames after a lost life is reported too, where SB3 loses it.

    ``num_threads`` is how many cores the emulators may use, all by default. With 1 they run one at a time;
    with more, four for each are under way, so that none waits for the next to be started, and the operating
    system shares out the cores. It changes no number.
    """

    def __init__(
        self,
        env_id: str,
        rom_path: Path,
        protocol: AtariSettings,
        n_envs: int,
        seed: int,
        *,
        training: bool = True,
        num_threads: int | None = None,
    ) -> None:
        self.protocol = protocol
        self._under_way = 1 if num_threads == 1 else 4 * (num_threads or n_envs)
        self._games = [AtariGame(index, rom_path, protocol, self._episode_seed) for index in range(n_envs)]
        shape = (protocol.frame_stack, protocol.screen_size, protocol.screen_size)
        super().__init__(
            env_id,
            n_envs,
            spaces.Box(low=0, high=255, shape=shape, dtype=np.uint8),
            spaces.Discrete(len(self._games[0].action_meanings), seed=seed),
            seed=seed,
            training=training,
        )
        self._stack: Stack = np.zeros((n_envs, *shape), dtype=np.uint8)

    def close(self) -> None:
        """Stop the emulators' threads."""
        self._games = []

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Attribute of each game, as ``action_meanings`` or ``render_mode`` (AttributeError otherwise)."""
        return [getattr(self._games[index], attr_name) for index in self._select(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        for index in self._select(indices):
            setattr(self._games[index], attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each game, as ``get_action_meanings``."""
        return [
            getattr(self._games[index], method_name)(*method_args, **method_kwargs)
            for index in self._select(indices)
        ]

    def _reset_all(self, episodes: list[int]) -> Stack:
        stack = np.zeros_like(self._stack)
        opened = self._drive(game.open(number) for game, number in zip(self._games, episodes, strict=True))
        for index, (frame, reward, lives) in enumerate(opened):
            stack[index, -1] = frame
            self._returns[index] = reward
            self.reset_infos[index]["lives"] = lives
        self._stack = stack
        return stack

    def _step(
        self, actions: NDArray[Any]
    ) -> tuple[Stack, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        taken: list[int] = actions.tolist()
        self._check_actions(taken)
        played = self._drive(
            game.play(action, number)
            for game, action, number in zip(self._games, taken, self._episodes.tolist(), strict=True)
        )
        stack = np.empty_like(self._stack)
        stack[:, :-1] = self._stack[:, 1:]
        rewards = np.empty(self.num_envs, dtype=np.float32)
        dones = np.empty(self.num_envs, dtype=np.bool_)
        infos = []
        for index, result in enumerate(played):
            self._actions[index].append(taken[index])
            rewards[index] = result.reward
            dones[index] = result.done
            infos.append(self._account(index, result, stack[index]))
        if self.protocol.clip_rewards:
            np.sign(rewards, out=rewards)
        self._stack = stack
        return stack, rewards, dones, infos

    def _check_actions(self, actions: list[int]) -> None:
        """The emulator's thread dies of a wrong action, and its result would be waited for without end."""
        n_actions = len(self._games[0].action_meanings)
        for index, action in enumerate(actions):
            if not 0 <= action < n_actions:
                raise ValueError(
                    f"{self.env_id}: action {action} (index {index}) is not one, "
                    f"expected 0 to {n_actions - 1}"
                )

    def _account(self, index: int, result: Played, row: Stack) -> dict[str, Any]:
        """Complete ``row``, whose older frames are in place, and the return; give the timestep's info."""
        info: dict[str, Any] = {"lives": result.lives, "TimeLimit.truncated": result.truncated}
        self._returns[index] += result.reward + result.carried
        if result.terminal_frame is not None:
            row[-1] = result.terminal_frame
            info["terminal_observation"] = row.copy()
            row[:] = 0
        row[-1] = result.frame
        if result.game_over:
            info["episode"] = self._episode_record(index)
            self._next_episode(index)
            self._returns[index] = result.opening
        return info

    def _replay_all(self) -> Stack:
        stack = np.zeros_like(self._stack)
        self._drive(self._replay(index, stack[index]) for index in range(self.num_envs))
        self._stack = stack
        return stack

    def _replay(self, index: int, row: Stack) -> Generator[None, None, None]:
        game, number = self._games[index], int(self._episodes[index])
        actions, self._actions[index] = self._actions[index], []
        row[-1], self._returns[index], _ = yield from game.open(number)
        for action in actions:
            result = yield from game.play(int(action), number)
            self._actions[index].append(int(action))
            row[:-1] = row[1:].copy()
            self._account(index, result, row)

    def _checksums(self) -> list[int]:
        return [zlib.crc32(row.tobytes()) for row in self._stack]

    def _drive(self, generators: Iterable[Generator[None, None, Result]]) -> list[Result]:
        """Run the generators to their ends, some at a time, and return their values in order."""
        waiting = iter(enumerate(generators))
        results: dict[int, Result] = {}
        running: deque[tuple[int, Generator[None, None, Result]]] = deque()
        while True:
            started = next(waiting, None) if len(running) < self._under_way else None
            if started is None and not running:
                return [results[index] for index in range(len(results))]
            index, game = started or running.popleft()
            if not _finished(game, index, results):
                running.append((index, game))


def _finished(game: Generator[None, None, Result], index: int, results: dict[int, Result]) -> bool:
    try:
        next(game)
    except StopIteration as stop:
        results[index] = stop.value
        return True
    return False
