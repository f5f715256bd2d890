from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.envs import (
    AtariProtocol,
    GymProtocol,
    MujocoProtocol,
    UnknownEnvironment,
    default_protocol,
)
from harness.envs.protocol import protocol_adapter


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
def test_default_protocol(env_id: str, expected: AtariProtocol | MujocoProtocol | GymProtocol) -> None:
    assert default_protocol(env_id) == expected


def test_default_protocol_of_an_unknown_environment() -> None:
    with pytest.raises(UnknownEnvironment, match="PongNoFrameskip-v4"):
        default_protocol("Pongg")


@pytest.mark.parametrize("protocol", [AtariProtocol(noop_max=7), MujocoProtocol(clip_obs=5.0), GymProtocol()])
def test_round_trip_through_plain_data(protocol: AtariProtocol | MujocoProtocol | GymProtocol) -> None:
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
