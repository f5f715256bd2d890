"""A film of an evaluated episode: it is played again from its seed and its actions, and rendered.

Episodes are functions of both (:class:`harness.envs.base.HarnessVecEnv`), so that nothing is rendered while
an agent acts and frames go to the file one by one, however long the episode is.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy.typing import NDArray

from harness.envs.base import EnvironmentFault
from harness.envs.names import rom_name
from harness.envs.protocol import AtariSettings, GymProtocol, Protocol
from harness.envs.seeding import episode_seed
from harness.evaluation.play import Played

ATARI_FRAMES_PER_SECOND = 60
ATARI_SCREEN = (210, 160)
ATARI_ZOOM = 2
MUJOCO_SIZE = 320
DEFAULT_FRAMES_PER_SECOND = 30
Frame = NDArray[np.uint8]
"""RGB, [height, width, 3]."""


class VideoError(ValueError):
    """The video cannot be made; the message says why and what is needed."""


class Shown(NamedTuple):
    """One moment of the film: the picture, and the raw reward that led to it."""

    frame: Frame
    reward: float


def check_video(path: Path, env_id: str, protocol: Protocol) -> None:
    """Find out whether a film of ``env_id`` can be written to ``path``, leaving nothing behind.

    Raises:
        VideoError: another suffix than ``.mp4``, no writable directory, no encoder, or nothing to render.
    """
    if path.suffix != ".mp4":
        raise VideoError(f"{path}: expected a file name that ends in .mp4")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise VideoError(f"{path}: cannot be written; expected a file in an existing, writable directory")
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise VideoError(f"{path}: the encoder is not installed; expected pip install imageio-ffmpeg")
    frames = _frames(env_id, protocol, 0, [])
    try:
        next(frames)
    except EnvironmentFault as error:
        raise VideoError(str(error)) from error
    finally:
        frames.close()


def write_video(path: Path, env_id: str, protocol: Protocol, run_seed: int, played: Played) -> None:
    """Film the first episode of environment 0.

    Raises:
        VideoError: the film did not come to the return of the episode, or the encoder failed.
    """
    import imageio_ffmpeg

    total, writer = 0.0, None
    try:
        for shown in _frames(env_id, protocol, run_seed, played.first_actions):
            total += shown.reward
            if writer is None:
                height, width = shown.frame.shape[:2]
                writer = imageio_ffmpeg.write_frames(
                    str(path), (width, height), fps=_frames_per_second(env_id, protocol), macro_block_size=2
                )
                writer.send(None)
            writer.send(np.ascontiguousarray(shown.frame))
    except OSError as error:
        raise VideoError(f"{path}: the encoder failed ({' '.join(str(error).split())[-200:]})") from error
    finally:
        if writer is not None:
            writer.close()
    expected = played.episodes[0].episode_return
    if not math.isclose(total, expected, rel_tol=1e-6, abs_tol=1e-5):
        raise VideoError(
            f"{path}: playing the episode again came to the return {total:g} instead of {expected:g}; "
            f"{env_id} is not deterministic under its seed"
        )


def _frames(
    env_id: str, protocol: Protocol, run_seed: int, actions: list[Any]
) -> Generator[Shown, None, None]:
    if isinstance(protocol, AtariSettings):
        return _atari_frames(env_id, protocol, run_seed, actions)
    seed = episode_seed(run_seed, 0, 0)
    if isinstance(protocol, GymProtocol):
        return _gym_frames(env_id, seed, actions)
    return _mujoco_frames(env_id, seed, actions)


def _atari_frames(
    env_id: str, protocol: AtariSettings, run_seed: int, actions: list[Any]
) -> Generator[Shown, None, None]:
    from ale_py import roms

    from harness.envs.atari_game import AtariGame

    rom_path = roms.get_rom_path(rom_name(env_id))
    assert rom_path is not None  # make_vec_env has played it
    game = AtariGame(
        0,
        rom_path,
        protocol,
        lambda index, episode: episode_seed(run_seed, index, episode),
        colour_screen=ATARI_SCREEN,
    )
    frame, reward, _ = _finish(game.open(0))
    yield Shown(_zoomed(frame), reward)
    for action in actions:
        played = _finish(game.play(int(action), 0))
        last = played.frame if played.terminal_frame is None else played.terminal_frame
        yield Shown(_zoomed(last), played.reward + played.carried)


def _mujoco_frames(env_id: str, seed: int, actions: list[Any]) -> Generator[Shown, None, None]:
    from harness.envs.pixels_renderer import Renderer

    env: Any = gymnasium.make(env_id, disable_env_checker=True)
    renderer = Renderer(env_id, env.unwrapped.model, MUJOCO_SIZE)
    try:
        for reward in _rewards(env, seed, actions):
            yield Shown(renderer.render(env.unwrapped.data), reward)
    finally:
        renderer.close()
        env.close()


def _gym_frames(env_id: str, seed: int, actions: list[Any]) -> Generator[Shown, None, None]:
    if "rgb_array" not in _metadata(env_id).get("render_modes", []):
        raise EnvironmentFault(f"{env_id}: cannot be rendered; its render modes have no 'rgb_array'")
    env = gymnasium.make(env_id, render_mode="rgb_array", disable_env_checker=True)
    try:
        for reward in _rewards(env, seed, actions):
            try:
                frame: Any = env.render()
            except gymnasium.error.DependencyNotInstalled as error:
                raise EnvironmentFault(f"{env_id}: cannot be rendered; {error}") from error
            yield Shown(np.asarray(frame, dtype=np.uint8), reward)
    finally:
        env.close()


def _rewards(env: gymnasium.Env[Any, Any], seed: int, actions: list[Any]) -> Iterator[float]:
    env.reset(seed=seed)
    yield 0.0
    for action in actions:
        yield float(env.step(action)[1])


def _finish(work: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def _zoomed(frame: Frame) -> Frame:
    return frame.repeat(ATARI_ZOOM, axis=0).repeat(ATARI_ZOOM, axis=1)


def _frames_per_second(env_id: str, protocol: Protocol) -> float:
    if isinstance(protocol, AtariSettings):
        return ATARI_FRAMES_PER_SECOND / protocol.frame_skip
    return float(_metadata(env_id).get("render_fps", DEFAULT_FRAMES_PER_SECOND))


def _metadata(env_id: str) -> dict[str, Any]:
    env = gymnasium.make(env_id, disable_env_checker=True)
    env.close()
    return env.metadata
