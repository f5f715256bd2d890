"""Gymnasium environments for SB3, stepped in turn in this process, MuJoCo's among them.

Episodes under way are brought back by playing them again, MuJoCo's too. ``mj_setState`` of
``mjSTATE_INTEGRATION`` is not exact for Ant-v5 and Humanoid-v5: they begin a step by reading where the body
is (``data.xpos``, ``data.xipos``), which ``mj_step`` leaves as it was before its last substep and which is no
part of that state. The first reward is another one then, also with ``mj_forward``, which computes them anew
(``tests/harness/envs/test_simulator_state.py``). What a task reads beyond the state is its own affair.
"""

from __future__ import annotations

import logging
import zlib
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.env_util import is_wrapped

from harness.envs.base import Arrays, EnvironmentFault, HarnessVecEnv, Indices
from harness.envs.normalize import Normalizer
from harness.envs.protocol import GymProtocol, MujocoProtocol

LARGEST = float(np.finfo(np.float32).max)
"""Agents compute in float32: a larger number would be infinite to them."""


class GymVecEnv(HarnessVecEnv):
    """``n_envs`` copies of a gymnasium environment, observations and rewards normalised as the protocol says.

    Normalised observations are float32 within [-clip_obs, clip_obs]; otherwise they keep their space. The
    statistics learn from every observation returned while :attr:`training` is set, those of resets included,
    and are those of SB3's VecNormalize. Rewards in ``infos[i]["episode"]`` are never normalised.

    Raises ValueError for an observation space other than Box and Discrete, or one that cannot be normalised,
    and for an action space that SB3's agents do not act in.
    """

    def __init__(
        self,
        env_id: str,
        protocol: MujocoProtocol | GymProtocol,
        n_envs: int,
        seed: int,
        *,
        gamma: float,
        training: bool = True,
    ) -> None:
        self.protocol = protocol
        if isinstance(protocol, MujocoProtocol):
            _log_physics_warnings()
        self.envs = [gymnasium.make(env_id, disable_env_checker=True) for _ in range(n_envs)]
        space = self.envs[0].observation_space
        _check_space(env_id, space, normalize=protocol.normalize_obs)
        _check_action_space(env_id, self.envs[0].action_space)
        self._hold(np.zeros((n_envs, *(space.shape or ())), dtype=space.dtype))
        self._normalizer = Normalizer(
            n_envs,
            self._raw.shape[1:],
            clip_obs=protocol.clip_obs if protocol.normalize_obs else None,
            clip_reward=protocol.clip_reward if protocol.normalize_reward else None,
            gamma=gamma,
        )
        if protocol.normalize_obs:
            space = spaces.Box(-protocol.clip_obs, protocol.clip_obs, self._raw.shape[1:], np.float32)
        action_space = self.envs[0].action_space
        action_space.seed(seed)
        super().__init__(env_id, n_envs, space, action_space, seed=seed, training=training)

    def close(self) -> None:
        """Close all; what one raises then is logged, since it must not undo what was done in it."""
        for env in self.envs:
            try:
                env.close()
            except (Exception, SystemExit) as error:  # whatever another package's environment raises
                raised = " ".join(f"{type(error).__name__}: {error}".split())
                logging.getLogger(__name__).warning("%s: close() raised %s", self.env_id, raised)

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        return [self.envs[index].get_wrapper_attr(attr_name) for index in self._select(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        for index in self._select(indices):
            self.envs[index].set_wrapper_attr(attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        return [
            self.envs[index].get_wrapper_attr(method_name)(*method_args, **method_kwargs)
            for index in self._select(indices)
        ]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Indices = None) -> list[bool]:
        """Whether each environment has the wrapper; True for SB3's Monitor, whose records the infos carry."""
        monitored = super().env_is_wrapped(wrapper_class, indices)
        selected = zip(monitored, self._select(indices), strict=True)
        return [known or is_wrapped(self.envs[index], wrapper_class) for known, index in selected]

    def protocol_state(self) -> Arrays:
        return self._normalizer.state_dict()

    def load_protocol_state(self, state: Arrays) -> None:
        self._normalizer.load_state_dict(state)

    def _reset_all(self, episodes: list[int]) -> NDArray[Any]:
        for index, number in enumerate(episodes):
            self._put(index, self._reset_one(index, number))
        self._check_finite()
        self._normalizer.restart()
        return self._take_in()

    def _step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        raw = self._raw
        rewards: list[float] = []
        dones: list[bool] = []
        infos: list[dict[str, Any]] = []
        given = actions.copy()  # an environment may scale what it is given in place
        for index, env in enumerate(self.envs):
            seen, reward, terminated, truncated, info = env.step(given[index])
            self._put(index, seen)
            points = float(reward)
            if not -LARGEST <= points <= LARGEST:
                raise self._fault(index, "reward")
            self._returns[index] += points
            self._actions[index].append(actions[index])
            rewards.append(points)
            dones.append(bool(terminated or truncated))
            shown = {**info, "TimeLimit.truncated": truncated and not terminated}
            shown.pop("episode", None)  # SB3 takes any for a Monitor's
            infos.append(shown)
        self._check_finite()
        ended = [index for index, done in enumerate(dones) if done] if True in dones else []
        for index in ended:
            infos[index]["terminal_observation"] = raw[index].copy()
            infos[index]["episode"] = self._episode_record(index)
            self._put(index, self._reset_one(index, self._next_episode(index)))
        if ended:
            self._check_finite()
        observations = self._take_in()
        for index in ended:
            infos[index]["terminal_observation"] = self._shown(infos[index]["terminal_observation"])
        scaled = self._normalizer.rewards(rewards, dones, learn=self.training)
        return observations, np.array(scaled, dtype=np.float32), np.array(dones), infos

    def _hold(self, raw: NDArray[Any]) -> None:
        """Make ``raw`` the one place of the current observations as the simulators give them."""
        self._raw, self._flat = raw, raw.reshape(-1)
        self._whole_numbers = raw.dtype.kind != "f"
        self._probe = self._flat if raw.dtype == np.float64 else np.zeros_like(self._flat)

    def _put(self, index: int, observation: Any) -> None:
        """Make ``observation`` the current one; as whole numbers it would not show what is not finite."""
        if self._whole_numbers:
            seen = np.asarray(observation)
            if seen.dtype.kind == "f" and not np.isfinite(seen).all():
                raise self._fault(index, "observation")
        self._raw[index] = observation

    def _take_in(self) -> NDArray[Any]:
        """Learn from the current observations while training, and return what is shown of them."""
        if self.training:
            self._normalizer.learn_observations(self._raw)
        return self._shown(self._raw)

    def _reset_one(self, index: int, number: int) -> Any:
        observation, self.reset_infos[index] = self.envs[index].reset(seed=self._episode_seed(index, number))
        return observation

    def _replay_all(self) -> NDArray[Any]:
        for index, env in enumerate(self.envs):
            self._raw[index] = self._reset_one(index, int(self._episodes[index]))
            self._returns[index] = 0.0
            for action in self._actions[index]:
                self._raw[index], reward, *_ = env.step(action.copy())
                self._returns[index] += float(reward)
        return self._shown(self._raw)

    def _checksums(self) -> list[int]:
        return [zlib.crc32(row.tobytes()) for row in self._raw]

    def _shown(self, raw: NDArray[Any]) -> NDArray[Any]:
        shown = self._normalizer.observations(raw)
        return shown.copy() if shown is raw else shown

    def _check_finite(self) -> None:
        # Cheaper than looking at each: NaN and infinity times 0 are NaN. Doubles are multiplied with
        # themselves, since they may be too large too.
        if self._whole_numbers or float(self._flat.dot(self._probe)) <= LARGEST**2:
            return
        with np.errstate(over="ignore"):
            seen = self._raw.astype(np.float32)
        rows = np.isfinite(seen).reshape(self.num_envs, -1).all(axis=1)
        if not rows.all():
            raise self._fault(int(rows.argmin()), "observation")

    def _fault(self, index: int, what: str) -> EnvironmentFault:
        return EnvironmentFault(f"{self.env_id} (index {index}): the {what} is not finite in float32")


def _log_physics_warnings() -> None:
    """MuJoCo's warnings go to the log; left alone, it appends them to a file in the working directory."""
    import mujoco

    mujoco.set_mju_user_warning(logging.getLogger("mujoco").warning)


def _check_space(env_id: str, space: spaces.Space[Any], *, normalize: bool) -> None:
    if not isinstance(space, (spaces.Box, spaces.Discrete)):
        raise ValueError(
            f"{env_id}: observation space {type(space).__name__} is not supported, expected Box or Discrete"
        )
    if isinstance(space, spaces.Discrete) and space.start != 0:
        raise ValueError(f"{env_id}: observation space {space} is not supported, expected one from 0")
    if isinstance(space, spaces.Box) and not space.shape:
        raise ValueError(
            f"{env_id}: observation space {space} is not supported, expected a dimension or more"
        )
    if normalize and not isinstance(space, spaces.Box):
        raise ValueError(
            f"{env_id}: normalize_obs needs a Box observation space, this one is {type(space).__name__}"
        )


def _check_action_space(env_id: str, space: spaces.Space[Any]) -> None:
    """Agents count actions from 0 and give real numbers: another space would get what is not in it."""
    if not isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        expected = "Box, Discrete, MultiDiscrete or MultiBinary"
    elif isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
        expected = "actions from 0"
    elif isinstance(space, spaces.Box) and space.dtype.kind != "f":
        expected = "a Box of floats"
    elif isinstance(space, spaces.Box) and not space.is_bounded():
        expected = "finite bounds"
    else:
        return
    raise ValueError(f"{env_id}: action space {space} is not supported, expected {expected}")
