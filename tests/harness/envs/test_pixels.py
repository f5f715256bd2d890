from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest

import harness.envs.pixels_renderer as renderer_module
from harness.envs import MujocoPixelsProtocol, MujocoProtocol
from harness.envs.make import EnvironmentFault, HarnessVecEnv, make_vec_env
from harness.envs.names import MUJOCO_TASKS
from harness.envs.pixels_renderer import FIXED_CAMERAS, Renderer

PIXELS = MujocoPixelsProtocol()


def actions(venv: HarnessVecEnv, n_steps: int) -> list[np.ndarray]:
    venv.action_space.seed(0)
    return [np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]) for _ in range(n_steps)]


@pytest.mark.usefixtures("rendering")
def test_an_observation_is_the_picture_before_and_the_picture_now() -> None:
    venv = make_vec_env("HalfCheetah", PIXELS, 2, 0)
    before = venv.reset()
    assert before.shape == (2, 6, 42, 42)
    assert before.dtype == venv.observation_space.dtype == np.uint8
    assert (before[:, :3] == 0).all()
    assert (before[:, 3:] != 0).any()
    for action in actions(venv, 3):
        after = venv.step(action)[0]
        np.testing.assert_array_equal(after[:, :3], before[:, 3:])
        assert (after[:, 3:] != after[:, :3]).any()
        before = after
    venv.close()


@pytest.mark.usefixtures("rendering")
def test_the_last_picture_of_an_episode_is_kept_and_the_next_begins_in_black() -> None:
    venv = make_vec_env("InvertedPendulum", MujocoPixelsProtocol(screen_size=16), 1, 0)
    before = venv.reset()
    for action in actions(venv, 100):
        observation, _, dones, infos = venv.step(action)
        if dones[0]:
            break
        before = observation
    assert dones[0]
    np.testing.assert_array_equal(infos[0]["terminal_observation"][:3], before[0, 3:])
    assert (infos[0]["terminal_observation"][3:] != observation[0, 3:]).any()
    assert (observation[0, :3] == 0).all()
    venv.close()


@pytest.mark.usefixtures("rendering")
@pytest.mark.parametrize("normalize_reward", [True, False])
def test_physics_rewards_and_episodes_are_those_of_the_state_protocol(normalize_reward: bool) -> None:
    states = make_vec_env(
        "InvertedPendulum", MujocoProtocol(normalize_obs=False, normalize_reward=normalize_reward), 2, 3
    )
    pixels = make_vec_env("InvertedPendulum", MujocoPixelsProtocol(normalize_reward=normalize_reward), 2, 3)
    states.reset(), pixels.reset()
    ended = 0
    for action in actions(states, 60):
        expected, got = states.step(action), pixels.step(action)
        np.testing.assert_array_equal(got[1], expected[1])
        np.testing.assert_array_equal(got[2], expected[2])
        for mine, other in zip(got[3], expected[3], strict=True):
            if "episode" in other:
                ended += 1
                assert (mine["episode"]["r"], mine["episode"]["l"]) == (
                    other["episode"]["r"],
                    other["episode"]["l"],
                )
    assert ended > 0
    theirs = states.protocol_state()
    assert {key: value.tolist() for key, value in pixels.protocol_state().items()} == {
        key: value.tolist() for key, value in theirs.items()
    }
    states.close(), pixels.close()


@pytest.mark.usefixtures("rendering")
def test_reachers_target_lies_where_the_camera_geometry_says() -> None:
    env: Any = gymnasium.make("Reacher-v5")
    renderer = Renderer("Reacher-v5", env.unwrapped.model, 42)
    half_width = FIXED_CAMERAS["Reacher-v5"].distance * math.tan(math.radians(45.0 / 2))
    for seed in range(5):
        env.reset(seed=seed)
        x, y = env.unwrapped.data.qpos[2:4]
        picture = renderer.render(env.unwrapped.data).astype(int)
        redness = picture[..., 0] - picture[..., 1:].max(axis=2)
        base = 21
        redness[base - 3 : base + 4, base - 3 : base + 4] = 0  # the arm's foot is red too
        if math.hypot(x, y) < 0.06:
            continue
        row, column = np.unravel_index(redness.argmax(), redness.shape)
        assert abs(column + 0.5 - 21 * (1 + x / half_width)) < 1.5
        assert abs(row + 0.5 - 21 * (1 - y / half_width)) < 1.5
    renderer.close()
    env.close()


@pytest.mark.usefixtures("rendering")
def test_a_picture_depends_on_the_state_alone_and_follows_the_body() -> None:
    env: Any = gymnasium.make("HalfCheetah-v5")
    env.reset(seed=0)
    unwrapped = env.unwrapped
    start, speed = unwrapped.data.qpos.copy(), unwrapped.data.qvel.copy()
    renderer = Renderer("HalfCheetah-v5", unwrapped.model, 42)

    def picture(x: float) -> np.ndarray:
        unwrapped.set_state(np.concatenate([[x], start[1:]]), speed)
        return renderer.render(unwrapped.data)

    first = picture(0.0)
    period = 4.0  # of the floor's checks, in metres
    assert np.abs(picture(5 * period).astype(int) - first).mean() < 0.1
    assert np.abs(picture(5.5 * period).astype(int) - first).mean() > 10
    other = Renderer("HalfCheetah-v5", unwrapped.model, 42)
    other.render(unwrapped.data)
    np.testing.assert_array_equal(picture(0.0), first)
    np.testing.assert_array_equal(other.render(unwrapped.data), first)
    renderer.close(), other.close(), env.close()


def test_every_task_has_a_camera() -> None:
    for task in MUJOCO_TASKS:
        model: Any = gymnasium.make(f"{task}-v5").unwrapped.model  # type: ignore[attr-defined]
        names = {model.camera(index).name for index in range(model.ncam)}
        assert ("track" in names) != (f"{task}-v5" in FIXED_CAMERAS)


@pytest.mark.usefixtures("rendering")
def test_a_state_that_is_not_finite_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    venv: Any = make_vec_env("InvertedPendulum", PIXELS, 2, 0)
    venv.reset()
    monkeypatch.setattr(
        venv.envs[1].env, "step", lambda action: (np.full(4, np.nan), 0.0, False, False, {}), raising=False
    )
    with pytest.raises(EnvironmentFault, match=r"InvertedPendulum-v5 \(index 1\): the state is not finite"):
        venv.step(np.zeros((2, 1)))


def test_a_machine_without_opengl_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(backend: str) -> Any:
        raise AttributeError("'NoneType' object has no attribute 'eglQueryString'")

    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setattr(renderer_module, "_backend_context", missing)
    with pytest.raises(EnvironmentFault, match="apt-get install libegl1 libgl1-mesa-dri") as fault:
        make_vec_env("Hopper", PIXELS, 1, 0)
    assert "\n" not in str(fault.value)


def test_an_unknown_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "vulkan")
    with pytest.raises(EnvironmentFault, match="MUJOCO_GL is 'vulkan', expected one of egl, osmesa, glfw"):
        make_vec_env("Hopper", PIXELS, 1, 0)
