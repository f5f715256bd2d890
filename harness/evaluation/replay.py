"""An evaluated episode as an environment that can be rendered, for it to be played again.

Episodes are functions of their seed and actions (:class:`harness.envs.base.HarnessVecEnv`), so that nothing
need be rendered while an agent acts.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from harness.envs.base import EnvironmentFault
from harness.envs.names import rom_name
from harness.envs.protocol import AtariSettings, GymProtocol, Protocol
from harness.envs.seeding import episode_seed

ATARI_FRAMES_PER_SECOND = 60
ATARI_SCREEN = (210, 160)
ATARI_ZOOM = 2
MUJOCO_SIZE = 320
DEFAULT_FRAMES_PER_SECOND = 30
Frame = NDArray[np.uint8]
"""RGB, [height, width, 3]."""


class Replay(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The first episode of environment 0: ``reset`` begins it, ``step`` takes its actions.

    The rewards of its steps add up to the episode's raw return. ``render`` gives a new RGB array, uint8
    [height, width, 3], both even numbers, as most players ask for.

    Raises:
        EnvironmentFault: it cannot be rendered; the message says what is missing.
    """

    render_mode = "rgb_array"

    def __init__(self, env_id: str, protocol: Protocol, run_seed: int) -> None:
        super().__init__(_environment(env_id, protocol, run_seed))
        self._name = env_id
        self._seed = episode_seed(run_seed, 0, 0)

    @property
    def frames_per_second(self) -> float:
        """How many timesteps of the episode are a second."""
        return float(self.env.metadata.get("render_fps") or DEFAULT_FRAMES_PER_SECOND)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        return self.env.reset(seed=self._seed)

    def render(self) -> Any:
        try:
            frame: Any = self.env.render()
        except gymnasium.error.DependencyNotInstalled as error:
            raise EnvironmentFault(f"{self._name}: cannot be rendered; {error}") from error
        if not isinstance(frame, np.ndarray) or frame.ndim != 3:
            given = type(frame).__name__
            raise EnvironmentFault(f"{self._name}: cannot be rendered; render() gave {given}, no RGB array")
        height, width = frame.shape[:2]
        return np.array(frame[: height - height % 2, : width - width % 2, :3], dtype=np.uint8)


def _environment(env_id: str, protocol: Protocol, run_seed: int) -> gymnasium.Env[Any, Any]:
    if isinstance(protocol, AtariSettings):
        return _Atari(env_id, protocol, run_seed)
    if isinstance(protocol, GymProtocol):
        return _plain(env_id)
    return _Mujoco(env_id)


class _Atari(gymnasium.Env[Any, Any]):
    """In colour; what the agent saw was grey and small."""

    def __init__(self, env_id: str, protocol: AtariSettings, run_seed: int) -> None:
        from ale_py import roms

        from harness.envs.atari_game import AtariGame

        rom_path = roms.get_rom_path(rom_name(env_id))
        if rom_path is None:
            raise EnvironmentFault(f"{env_id}: its ROM is missing; expected it in ale-py")
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": ATARI_FRAMES_PER_SECOND / protocol.frame_skip,
        }
        self._game = AtariGame(
            0,
            Path(rom_path),
            protocol,
            lambda index, episode: episode_seed(run_seed, index, episode),
            colour_screen=ATARI_SCREEN,
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._frame, self._opening, _ = _finish(self._game.open(0))
        return self._frame, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        played = _finish(self._game.play(int(action), 0))
        self._frame = played.frame if played.terminal_frame is None else played.terminal_frame
        reward, self._opening = played.reward + played.carried + self._opening, 0.0
        return self._frame, reward, played.game_over, played.truncated, {}

    def render(self) -> Any:
        return self._frame.repeat(ATARI_ZOOM, axis=0).repeat(ATARI_ZOOM, axis=1)


class _Mujoco(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Rendered off-screen as the observations of ``mujoco-pixels`` are, only larger."""

    def __init__(self, env_id: str) -> None:
        from harness.envs.pixels_renderer import Renderer

        env: Any = gymnasium.make(env_id, disable_env_checker=True)
        super().__init__(env)
        self._simulator = env.unwrapped
        self._renderer = Renderer(env_id, self._simulator.model, MUJOCO_SIZE)

    def render(self) -> Any:
        return self._renderer.render(self._simulator.data)

    def close(self) -> None:
        self._renderer.close()
        super().close()


def _plain(env_id: str) -> gymnasium.Env[Any, Any]:
    env = gymnasium.make(env_id, disable_env_checker=True)
    env.close()
    if "rgb_array" not in env.metadata.get("render_modes", []):
        raise EnvironmentFault(f"{env_id}: cannot be rendered; its render modes have no 'rgb_array'")
    return gymnasium.make(env_id, render_mode="rgb_array", disable_env_checker=True)


def _finish(work: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value
