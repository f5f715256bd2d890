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
Version = Annotated[
    Literal[1], Field(description="goes up when the same settings come to mean something else")
]
NormalizeObs = Annotated[
    bool,
    Field(description="observations lose their running mean and are divided by their deviation"),
]
NormalizeReward = Annotated[
    bool, Field(description="rewards are divided by the running standard deviation of the discounted return")
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AtariSettings(_Frozen):
    """What the Atari protocols have in common.

    One timestep is ``frame_skip`` frames, and the observation the last ``frame_stack`` of them that the agent
    saw, each the pixelwise maximum of two consecutive frames, in grey, ``screen_size`` squared.
    """

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


class AtariProtocol(AtariSettings):
    """Mnih et al. (2015) preprocessing, as OpenAI Baselines and SB3 run it on ``NoFrameskip-v4``."""

    name: Annotated[Literal["atari"], Field(description="the protocol")] = "atari"
    version: Version = 1


class AtariStickyProtocol(AtariSettings):
    """Sticky actions (Machado et al., 2018), with the settings that gymnasium registers as ``ALE/*-v5``.

    Each frame repeats the frame before's action with probability 0.25, which is all that tells one game from
    the next: no no-ops, no FIRE pressed for the agent, and a lost life ends nothing. The agent chooses among
    the actions that the game uses; Machado et al. also recommend all 18 (``full_action_space``). Observations
    and the sign of the reward are those of ``atari``.
    """

    name: Annotated[Literal["atari-sticky"], Field(description="the protocol")] = "atari-sticky"
    version: Version = 1
    noop_max: NonNegativeInt = Field(0, description="up to this many no-op frames, less one, open a game")
    terminal_on_life_loss: bool = Field(False, description="done at the loss of a life; the game goes on")
    fire_reset: bool = Field(False, description="press FIRE after a reset where the game has that action")
    repeat_action_probability: Probability = Field(0.25, description="sticky actions")


class _Normalized(_Frozen):
    clip_obs: Clip = Field(10.0, description="normalised observations lie in [-clip_obs, clip_obs]")
    clip_reward: Clip = Field(10.0, description="normalised rewards lie in [-clip_reward, clip_reward]")


class MujocoProtocol(_Normalized):
    """A MuJoCo task from its state, observations and rewards normalised by running statistics.

    Observations lose their running mean and are divided by their running standard deviation; rewards are
    divided by the running standard deviation of the discounted return, whose discount is the agent's gamma.
    The paper is silent on both; its authors' MuJoCo code normalises both. Recorded returns stay raw.
    """

    name: Annotated[Literal["mujoco"], Field(description="the protocol")] = "mujoco"
    version: Version = 1
    normalize_obs: NormalizeObs = True
    normalize_reward: NormalizeReward = True


class MujocoPixelsProtocol(_Frozen):
    """A MuJoCo task from its picture (section 5.2 and Appendix A.2), rendered off-screen.

    The observation is ``frame_stack`` pictures, the oldest first, RGB, ``screen_size`` squared; those before
    an episode's first are black. A picture is the whole view, ``screen_size`` times 2 a side without shadows,
    reflections and multisampling, each 2x2 pixels averaged. The camera is the model's own called ``track``;
    tasks without one have a fixed camera (:data:`harness.envs.pixels_renderer.FIXED_CAMERAS`). Rewards are
    normalised as in ``mujoco``; recorded returns stay raw.

    The paper says no more than 42x42 RGB with the previous frame. Its authors' code cut the upper left corner
    out of the picture at the place where an Atari game has its screen; here the whole view is kept.
    """

    name: Annotated[Literal["mujoco-pixels"], Field(description="the protocol")] = "mujoco-pixels"
    version: Version = 1
    screen_size: PositiveInt = Field(42, le=512, description="height and width of a picture, in pixels")
    frame_stack: PositiveInt = Field(2, description="pictures in an observation, 3 channels each")
    normalize_reward: NormalizeReward = True
    clip_reward: Clip = Field(10.0, description="normalised rewards lie in [-clip_reward, clip_reward]")


class GymProtocol(_Normalized):
    """Any other gymnasium environment, as it comes."""

    name: Annotated[Literal["gym"], Field(description="the protocol")] = "gym"
    version: Version = 1
    normalize_obs: NormalizeObs = False
    normalize_reward: NormalizeReward = False


Protocol = Annotated[
    AtariProtocol | AtariStickyProtocol | MujocoProtocol | MujocoPixelsProtocol | GymProtocol,
    Field(discriminator="name"),
]

protocol_adapter: TypeAdapter[Protocol] = TypeAdapter(Protocol)
"""Parses a protocol from plain data: ``protocol_adapter.validate_python({"name": "atari"})``."""

_CLASSES: dict[str, type[Protocol]] = {
    "atari": AtariProtocol,
    "atari-sticky": AtariStickyProtocol,
    "mujoco": MujocoProtocol,
    "mujoco-pixels": MujocoPixelsProtocol,
    "gym": GymProtocol,
}
PROTOCOL_NAMES: tuple[str, ...] = tuple(_CLASSES)


class WrongProtocol(ValueError):
    """An environment cannot be played under this protocol; the message is one line."""


def protocol_names(env_id: str) -> tuple[str, ...]:
    """The protocols that ``env_id`` can be played under, the default first. Raises UnknownEnvironment."""
    canonical = canonical_env_id(env_id)
    if is_atari(canonical):
        return ("atari", "atari-sticky")
    if is_mujoco(canonical):
        return ("mujoco", "mujoco-pixels")
    return ("gym",)


def protocol_class(env_id: str, name: str | None = None) -> type[Protocol]:
    """The class of the protocol called ``name``, or of the default one, for ``env_id``.

    Raises UnknownEnvironment, and WrongProtocol if ``env_id`` is not played under that protocol.
    """
    names = protocol_names(env_id)
    if name is None:
        return _CLASSES[names[0]]
    if name not in names:
        allowed = " or ".join(repr(known) for known in names)
        raise WrongProtocol(f"{env_id} is played under the protocol {allowed}, not {name!r}")
    return _CLASSES[name]


def default_protocol(env_id: str) -> Protocol:
    """The protocol ``env_id`` is played under unless told otherwise. Raises UnknownEnvironment."""
    return protocol_class(env_id)()
