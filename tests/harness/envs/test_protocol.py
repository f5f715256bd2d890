from __future__ import annotations

from typing import Any

import ale_py
import gymnasium
import numpy as np
import pytest
from pydantic import ValidationError

from harness.envs import (
    AtariProtocol,
    AtariStickyProtocol,
    GymProtocol,
    MujocoPixelsProtocol,
    MujocoProtocol,
    Protocol,
    UnknownEnvironment,
    WrongProtocol,
    default_protocol,
    protocol_class,
    protocol_names,
)
from harness.envs.make import make_vec_env
from harness.envs.protocol import PROTOCOL_NAMES, protocol_adapter


@pytest.mark.parametrize(
    ("env_id", "expected"),
    [
        ("Pong", AtariProtocol()),
        ("ALE/Seaquest-v5", AtariProtocol()),
        ("HalfCheetah-v5", MujocoProtocol()),
        ("hopper", MujocoProtocol()),
        ("CartPole-v1", GymProtocol()),
    ],
)
def test_default_protocol(env_id: str, expected: Protocol) -> None:
    assert default_protocol(env_id) == expected


@pytest.mark.parametrize("env_id", ["Pong", "Hopper-v5", "CartPole-v1"])
def test_an_environment_is_played_under_the_protocols_of_its_kind_only(env_id: str) -> None:
    names = protocol_names(env_id)
    assert default_protocol(env_id).name == names[0]
    for name in names:
        assert protocol_class(env_id, name)().name == name
    for name in {*PROTOCOL_NAMES, "atary"} - set(names):
        allowed = " or ".join(repr(known) for known in names)
        with pytest.raises(
            WrongProtocol, match=f"{env_id} is played under the protocol {allowed}, not '{name}'"
        ):
            protocol_class(env_id, name)


def test_atari_sticky_has_the_settings_of_gymnasiums_v5() -> None:
    gymnasium.register_envs(ale_py)
    registered = gymnasium.spec("ALE/Pong-v5").kwargs
    ours = AtariStickyProtocol()
    assert ours.repeat_action_probability == registered["repeat_action_probability"] == 0.25
    assert ours.frame_skip == registered["frameskip"]
    assert ours.full_action_space is registered["full_action_space"] is False
    assert ours.max_frames_per_episode == registered["max_num_frames_per_episode"]
    assert (ours.noop_max, ours.terminal_on_life_loss, ours.fire_reset) == (0, False, False)
    observed = {"max_pool", "screen_size", "grayscale", "frame_stack", "clip_rewards"}
    assert ours.model_dump(include=observed) == AtariProtocol().model_dump(include=observed)


def test_sticky_actions_differ_from_game_to_game_and_a_lost_life_ends_nothing() -> None:
    venv = make_vec_env("Breakout", AtariStickyProtocol(max_frames_per_episode=4000), 2, 0)
    first = venv.reset()
    np.testing.assert_array_equal(first[0], first[1])  # nothing random before the first action
    fire = venv.env_method("get_action_meanings")[0].index("FIRE")
    lost = 0
    for step in range(400):
        observations, _, dones, infos = venv.step(np.array([fire if step % 10 == 0 else 2 + step % 2] * 2))
        lives = [info["lives"] for info in infos]
        if max(lives) < 5:
            lost += 1
        assert not dones.any() or min(lives) == 5 or 0 in lives
        if dones.any():
            break
    assert lost > 0
    assert (observations[0] != observations[1]).any()
    venv.close()


def test_default_protocol_of_an_unknown_environment() -> None:
    with pytest.raises(UnknownEnvironment, match="PongNoFrameskip-v4"):
        default_protocol("Pongg")


@pytest.mark.parametrize(
    "protocol",
    [
        AtariProtocol(noop_max=7),
        AtariStickyProtocol(full_action_space=True),
        MujocoProtocol(clip_obs=5.0),
        MujocoPixelsProtocol(frame_stack=1),
        GymProtocol(),
    ],
)
def test_round_trip_through_plain_data(protocol: Protocol) -> None:
    data = protocol.model_dump(mode="json")
    assert {"name", "version"} <= data.keys()
    assert protocol_adapter.validate_python(data) == protocol
    assert protocol_adapter.validate_json(protocol.model_dump_json()) == protocol


def test_atari_defaults_are_no_frameskip_v4() -> None:
    assert AtariProtocol().model_dump() == {
        "name": "atari",
        "version": 1,
        "noop_max": 30,
        "frame_skip": 4,
        "max_pool": True,
        "screen_size": 84,
        "grayscale": True,
        "frame_stack": 4,
        "terminal_on_life_loss": True,
        "clip_rewards": True,
        "fire_reset": True,
        "repeat_action_probability": 0.0,
        "full_action_space": False,
        "max_frames_per_episode": 108_000,
    }


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"name": "atari", "frame_skip": 0}, "frame_skip"),
        ({"name": "atari", "frame_stack": -1}, "frame_stack"),
        ({"name": "atari", "noop_max": -1}, "noop_max"),
        ({"name": "atari", "repeat_action_probability": 1.0}, "repeat_action_probability"),
        ({"name": "atari", "grayscale": False}, "grayscale"),
        ({"name": "atari", "frameskip": 4}, "frameskip"),
        ({"name": "atari", "version": 2}, "version"),
        ({"name": "mujoco-pixels", "screen_size": 0}, "screen_size"),
        ({"name": "mujoco-pixels", "screen_size": 513}, "screen_size"),
        ({"name": "mujoco-pixels", "normalize_obs": True}, "normalize_obs"),
        ({"name": "mujoco", "clip_obs": 0.0}, "clip_obs"),
        ({"name": "mujoco", "clip_reward": -1.0}, "clip_reward"),
        ({"name": "mujoco", "clip_obs": float("nan")}, "clip_obs"),
        ({"name": "mujoco", "clip_obs": float("inf")}, "clip_obs"),
        ({"name": "gym", "gamma": 0.9}, "gamma"),
        ({"name": "mojoco"}, "atari"),
    ],
)
def test_a_wrong_setting_is_refused_and_named(data: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        protocol_adapter.validate_python(data)


def test_protocols_are_frozen() -> None:
    with pytest.raises(ValidationError):
        AtariProtocol().frame_skip = 2  # type: ignore[misc]
