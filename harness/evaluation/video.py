"""A film of an evaluated episode: it is played again (:class:`Replay`) before gymnasium's RecordVideo.

RecordVideo keeps what it records in memory (4.1 GB for 10,000 timesteps of an Atari game) and looks for each
picture among all of them. It is therefore let to begin a new file every :data:`PIECE` pictures; the files are
joined without encoding them again.
"""

from __future__ import annotations

import importlib
import math
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.wrappers import RecordVideo

from harness.envs.base import EnvironmentFault
from harness.envs.protocol import Protocol
from harness.evaluation.play import Played
from harness.evaluation.replay import Replay

PIECE = 250
"""Pictures per file: as many as the encoder puts from one whole picture to the next in any case."""


class VideoError(ValueError):
    """The video cannot be made; the message says why and what is needed."""


def check_video(path: Path, env_id: str, protocol: Protocol) -> None:
    """Find out whether a film of ``env_id`` can be written to ``path``, leaving nothing behind.

    Raises:
        VideoError: another suffix than ``.mp4``, no writable directory, no encoder, or nothing to render.
    """
    if path.suffix != ".mp4":
        raise VideoError(f"{path}: expected a file name that ends in .mp4")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise VideoError(f"{path}: cannot be written; expected a file in an existing, writable directory")
    try:
        importlib.import_module("moviepy.config")
    except (ImportError, OSError, RuntimeError) as error:  # the latter two: it finds no ffmpeg to run
        raise VideoError(
            f"{path}: the encoder is not installed ({_line(error)}); expected pip install moviepy"
        ) from error
    try:
        env = Replay(env_id, protocol, 0)
        try:
            env.reset()
            env.render()
        finally:
            env.close()
    except EnvironmentFault as error:
        raise VideoError(str(error)) from error


def write_video(path: Path, env_id: str, protocol: Protocol, run_seed: int, played: Played) -> None:
    """Film the first episode of environment 0; ``path`` is replaced by a whole film or stays as it was.

    Raises:
        VideoError: the film did not come to the return of the episode, or the encoder failed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as name:
            total, film = _film(Replay(env_id, protocol, run_seed), played.first_actions, Path(name))
            expected = played.episodes[0].episode_return
            if not math.isclose(total, expected, rel_tol=1e-6, abs_tol=1e-5):
                raise VideoError(
                    f"{path}: playing the episode again came to the return {total:g} instead of "
                    f"{expected:g}; {env_id} is not deterministic under its seed"
                )
            film.replace(path)
    except OSError as error:
        raise VideoError(f"{path}: the encoder failed ({_line(error)[-200:]})") from error


def _film(env: Replay, actions: Sequence[Any], directory: Path) -> tuple[float, Path]:
    """Record the episode in the empty ``directory``; returns its raw return and the film, a file in there."""
    recorder: Any = RecordVideo(
        env,
        str(directory / "pieces"),
        episode_trigger=lambda episode: True,
        step_trigger=lambda step: (step + 1) % PIECE == 0,
        name_prefix="film",
        fps=_exact_rate(env.frames_per_second),  # type: ignore[arg-type]
    )
    total = 0.0
    try:
        recorder.reset()
        for action in actions:
            total += float(recorder.step(action)[1])
        recorder.stop_recording()
    finally:
        recorder.recording, recorder.recorded_frames = False, []  # else close() writes, and complains
        recorder.close()
    names = ["film-episode-0", *(f"film-step-{step}" for step in range(PIECE - 1, len(actions), PIECE))]
    return total, _joined(directory, names)


def _joined(directory: Path, names: list[str]) -> Path:
    from moviepy.config import FFMPEG_BINARY

    (directory / "pieces.txt").write_text("".join(f"file 'pieces/{name}.mp4'\n" for name in names))
    command = ["-loglevel", "error", "-f", "concat", "-i", "pieces.txt", "-codec", "copy", "film.mp4"]
    joining = subprocess.run([FFMPEG_BINARY, *command], cwd=directory, capture_output=True, text=True)
    if joining.returncode:
        raise OSError(joining.stderr)
    return directory / "film.mp4"


def _exact_rate(frames_per_second: float) -> np.float64:
    """The next rate above with which moviepy 2.2 writes each picture once; ffmpeg gets two decimals of it.

    moviepy writes as many pictures as the sum of their durations times the rate, rounded down, and so loses
    the last one at many rates. With a plain float and numpy 2 it also looks pictures up by times in float32,
    and shows many twice and the next one not at all (29 of 101 at 15 a second).
    """
    rates = (np.float64(frames_per_second + 1e-7 * number) for number in range(10_000))
    exact = (rate for rate in rates if all(_written(n, rate) == n for n in range(1, PIECE + 1)))
    return next(exact, np.float64(frames_per_second))


def _written(n_pictures: int, rate: np.float64) -> int:
    return int(sum([1.0 / rate] * n_pictures) * rate)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
