"""Films: each timestep one picture, a whole file or none, and what a user is told where there can be none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from moviepy.config import FFMPEG_BINARY
from typer.testing import CliRunner

from algos.registry import get_agent
from harness.cli import app
from harness.envs import AtariProtocol, GymProtocol
from harness.evaluation import video
from harness.evaluation.evaluate import Settings, evaluate
from harness.evaluation.play import Played
from harness.evaluation.record import EvaluatedEpisode
from harness.evaluation.replay import Replay
from harness.evaluation.video import PIECE, VideoError, check_video, write_video
from harness.records import RunRecord
from harness.spec import RunSpec

COUNTED_BITS = 12


def frames(path: Path) -> list[np.ndarray]:
    """The pictures of a film, RGB uint8 [height, width, 3]; none is repeated or left out to keep a rate."""
    command = [FFMPEG_BINARY, "-loglevel", "error", "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "image2pipe", "-codec:v", "ppm", "-"]
    rest = subprocess.run(command, capture_output=True, check=True).stdout
    pictures = []
    while rest:
        kind, size, depth, rest = rest.split(b"\n", 3)
        assert (kind, depth) == (b"P6", b"255")
        width, height = map(int, size.split())
        length = height * width * 3
        pictures.append(np.frombuffer(rest[:length], np.uint8).reshape(height, width, 3))
        rest = rest[length:]
    return pictures


def shown_times(path: Path) -> list[float]:
    """When each picture of a film is shown, in seconds."""
    command = [FFMPEG_BINARY, "-loglevel", "error", "-i", str(path), "-codec", "copy", "-f", "framecrc", "-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    (base,) = (line.split()[-1] for line in lines if line.startswith("#tb 0"))
    ticks, per_second = map(int, base.split("/"))
    return sorted(int(line.split(",")[2]) * ticks / per_second for line in lines if not line.startswith("#"))


class Counter(gymnasium.Env[Any, Any]):
    """Rewards 1 a timestep, and shows the number of timesteps as white blocks for its binary digits."""

    def __init__(self, frames_per_second: float) -> None:
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": frames_per_second}
        self.picture = np.zeros((33, 8 * COUNTED_BITS + 1, 3), np.uint8)

    def reset(self, **options: Any) -> tuple[int, dict[str, Any]]:
        self.count = 0
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.count += 1
        return 0, 1.0, False, False, {}

    def render(self) -> Any:
        for bit in range(COUNTED_BITS):
            self.picture[:, 8 * bit : 8 * bit + 8] = 255 * (self.count >> bit & 1)
        return self.picture


def film_counter(path: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int, rate: float = 15) -> None:
    monkeypatch.setattr("harness.evaluation.replay._environment", lambda *arguments: Counter(rate))
    played = Played((EvaluatedEpisode(0, 0, 1, float(n_steps), n_steps),), [0] * n_steps)
    write_video(path, "Counter-v0", GymProtocol(), 0, played)


@pytest.mark.parametrize("source", ["finished", "at work"])
def test_a_film_of_an_atari_game_has_a_picture_for_every_timestep(
    breakout: RunRecord, tmp_path: Path, source: str
) -> None:
    record = RunRecord(Path(shutil.copytree(breakout.directory, tmp_path / "run")))
    if source == "at work":
        record.model_file.unlink()
    path = tmp_path / "game.mp4"
    result = evaluate(record, Settings(n_episodes=2, video=path))
    film = frames(path)
    assert len(film) == result.episodes[0].length + 1
    assert film[0].shape == (420, 320, 3)
    colours = film[0][110:170].reshape(-1, 3).astype(int)
    assert np.abs(colours[:, 0] - colours[:, 2]).max() > 80  # Breakout's red and blue bricks
    assert (film[0] != film[-1]).any()
    assert sorted(tmp_path.iterdir()) == [path, record.directory]


@pytest.mark.usefixtures("rendering")
def test_a_film_of_a_mujoco_episode(hopper: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "hop.mp4"
    result = evaluate(hopper, Settings(n_episodes=1, video=path))
    film = frames(path)
    assert len(film) == result.episodes[0].length + 1
    assert film[0].shape == (320, 320, 3)
    assert shown_times(path)[1] == pytest.approx(1 / 125, rel=1e-3)


@pytest.mark.parametrize(("n_steps", "rate"), [(2 * PIECE + 1, 15), (PIECE, 60 / 7), (PIECE - 1, 103)])
def test_each_picture_is_shown_once_and_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int, rate: float
) -> None:
    path = tmp_path / "count.mp4"
    film_counter(path, monkeypatch, n_steps, rate)
    film = frames(path)
    digits = [picture[16, 4 : 8 * COUNTED_BITS : 8, 0] > 128 for picture in film]
    numbers = [sum(1 << int(bit) for bit in np.flatnonzero(row)) for row in digits]
    assert numbers == list(range(n_steps + 1))
    assert film[0].shape == (32, 8 * COUNTED_BITS, 3)
    times = shown_times(path)
    assert np.diff(times) == pytest.approx(1 / rate, abs=1e-4 / rate + 0.005 / rate**2)


def test_a_long_episode_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []

    class Watched(video.RecordVideo):  # type: ignore[type-arg]
        def stop_recording(self) -> None:
            held.append(len(self.recorded_frames))
            super().stop_recording()  # type: ignore[no-untyped-call]

    monkeypatch.setattr(video, "RecordVideo", Watched)
    film_counter(tmp_path / "count.mp4", monkeypatch, 2 * PIECE)
    assert held == [PIECE, PIECE, 1]


def test_a_film_that_is_not_of_the_episode_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.evaluation.replay._environment", lambda *arguments: Counter(15))
    path = tmp_path / "x.mp4"
    path.write_text("an older film")
    played = Played((EvaluatedEpisode(0, 0, 1, 5.0, 7),), [0] * 7)
    with pytest.raises(VideoError, match="came to the return 7 instead of 5"):
        write_video(path, "BreakoutNoFrameskip-v4", AtariProtocol(), 0, played)
    assert path.read_text() == "an older film"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n_steps", [3, 2 * PIECE])
def test_an_encoder_that_fails_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder, n_steps: int
) -> None:
    monkeypatch.setattr("moviepy.video.io.ffmpeg_writer.FFMPEG_BINARY", shutil.which("false"))
    with pytest.raises(VideoError, match=r"film\.mp4: the encoder failed \(") as refused:
        film_counter(tmp_path / "film.mp4", monkeypatch, n_steps)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert [str(warning.message) for warning in recwarn] == []


def test_a_missing_encoder_is_said_before_anything_is_played(
    breakout: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moviepy.config", None)
    path = tmp_path / "film.mp4"
    refused = CliRunner().invoke(app, ["evaluate", str(breakout.directory), "--video", str(path)])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"harness: --video {path}: the encoder is not installed (")
    assert refused.stderr.endswith("; expected pip install moviepy\n")
    assert len(refused.stderr.splitlines()) == 1


def test_an_environment_that_cannot_be_rendered_is_said_before_anything_is_played(tmp_path: Path) -> None:
    class Blind(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Discrete(2)
        action_space = gymnasium.spaces.Discrete(2)

    gymnasium.register("Blind-v0", Blind)
    spec = RunSpec(
        algo="a2c",
        env_id="Blind-v0",
        protocol=GymProtocol(),
        n_timesteps=10,
        hyperparameters=get_agent("a2c").resolve("gym"),
        seed=0,
    )
    record = RunRecord(tmp_path / "run")
    record.create(spec.to_json(), "test")
    with pytest.raises(
        VideoError, match="Blind-v0: cannot be rendered; its render modes have no 'rgb_array'"
    ):
        evaluate(record, Settings(video=tmp_path / "film.mp4"))
    gymnasium.registry.pop("Blind-v0")


def test_what_is_rendered_must_be_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.evaluation.replay._environment", lambda *arguments: Counter(15))
    monkeypatch.setattr(Counter, "render", lambda self: "a text")
    with pytest.raises(
        VideoError, match=r"Counter-v0: cannot be rendered; render\(\) gave str, no RGB array"
    ):
        check_video(tmp_path / "film.mp4", "Counter-v0", GymProtocol())


def test_the_replay_of_a_gymnasium_environment_is_of_the_episodes_seed() -> None:
    first, again = (Replay("CartPole-v1", GymProtocol(), 3).reset()[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != Replay("CartPole-v1", GymProtocol(), 4).reset()[0]).any()
