"""How an environment is played: every choice between the simulator and the agent that changes a score.

A protocol is part of a run's identity. ``version`` goes up when the same settings come to mean something
else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, TypeAdapter

from harness.envs.names import canonical_env_id, is_atari, is_mujoco

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
Clip = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Version = Literal[1]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AtariProtocol(_Frozen):
    """Mnih et al. (2015) preprocessing, as OpenAI Baselines and SB3 run it on ``NoFrameskip-v4``.

    One timestep is ``frame_skip`` frames, and the observation the last ``frame_stack`` of them that the agent
    saw, each the pixelwise maximum of two consecutive frames, in grey, ``screen_size`` squared.
    """

    name: Literal["atari"] = "atari"
    version: Version = 1
    noop_max: NonNegativeInt = Field(
        30, description="up to this many no-op frames, less one, open a game; 0 or 1: none"
    )
    frame_skip: PositiveInt = Field(4, description="frames that one action is repeated for")
    max_pool: bool = Field(True, description="pixelwise maximum over the last two frames of a timestep")
    screen_size: PositiveInt = Field(84, description="height and width of an observation, in pixels")
    grayscale: Literal[True] = Field(True, description="observations are grey")
    frame_stack: PositiveInt = Field(4, description="timesteps in an observation, as channels")
    terminal_on_life_loss: bool = Field(True, description="done at the loss of a life; the game goes on")
    clip_rewards: bool = Field(True, description="the agent sees the sign of the reward")
    fire_reset: bool = Field(True, description="press FIRE after a reset where the game has that action")
    repeat_action_probability: Probability = Field(0.0, description="sticky actions")
    full_action_space: bool = Field(False, description="all 18 actions rather than those the game uses")
    max_frames_per_episode: PositiveInt = Field(108_000, description="a game is truncated here (30 minutes)")


class _Normalized(_Frozen):
    clip_obs: Clip = Field(10.0, description="normalised observations lie in [-clip_obs, clip_obs]")
    clip_reward: Clip = Field(10.0, description="normalised rewards lie in [-clip_reward, clip_reward]")


class MujocoProtocol(_Normalized):
    """A MuJoCo task from its state, observations and rewards normalised by running statistics.

    Observations lose their running mean and are divided by their running standard deviation; rewards are
    divided by the running standard deviation of the discounted return, whose discount is the agent's gamma.
    The paper is silent on both; its authors' MuJoCo code normalises both. Recorded returns stay raw.
    """

    name: Literal["mujoco"] = "mujoco"
    version: Version = 1
    normalize_obs: bool = True
    normalize_reward: bool = True


class GymProtocol(_Normalized):
    """Any other gymnasium environment, as it comes."""

    name: Literal["gym"] = "gym"
    version: Version = 1
    normalize_obs: bool = False
    normalize_reward: bool = False


Protocol = Annotated[AtariProtocol | MujocoProtocol | GymProtocol, Field(discriminator="name")]

protocol_adapter: TypeAdapter[AtariProtocol | MujocoProtocol | GymProtocol] = TypeAdapter(Protocol)
"""Parses a protocol from plain data: ``protocol_adapter.validate_python({"name": "atari"})``."""


def default_protocol(env_id: str) -> AtariProtocol | MujocoProtocol | GymProtocol:
    """The protocol ``env_id`` is played under unless told otherwise. Raises UnknownEnvironment."""
    canonical = canonical_env_id(env_id)
    if is_atari(canonical):
        return AtariProtocol()
    if is_mujoco(canonical):
        return MujocoProtocol()
    return GymProtocol()
