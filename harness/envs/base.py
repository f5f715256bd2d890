"""What every vector environment of the harness is to SB3, and what the harness asks of it beyond that."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from harness.envs.seeding import episode_seed

Arrays = dict[str, NDArray[Any]]
Indices = int | Iterable[int] | None


class EnvironmentFault(RuntimeError):
    """The simulator produced something no agent can learn from; the message names environment and index."""


class HarnessVecEnv(VecEnv):
    """An SB3 VecEnv whose episodes are functions of their seed and their actions.

    - Each episode has a seed of its own (:func:`harness.envs.seeding.episode_seed`).
    - ``infos[i]["episode"]`` is what SB3's Monitor writes, once for each whole game: ``r`` the sum of the
      simulator's own rewards, ``l`` its length in timesteps, ``t`` seconds since this object was made.
      :meth:`env_is_wrapped` says so to SB3's ``evaluate_policy``.
    - :attr:`on_episode`, if set, is called with the environment's index and that record as a game ends, in
      the order of the indices within a timestep. Games played again by :meth:`restore` are under way: none
      ends.
    - Every info has ``TimeLimit.truncated``, and every done one ``terminal_observation``.
    - :attr:`training` says whether statistics of the protocol learn (:meth:`protocol_state`).
    - :meth:`snapshot` and :meth:`restore` carry the episodes under way over to another process: they are
      played again from their seeds.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        seed: int,
        training: bool,
    ) -> None:
        super().__init__(num_envs, observation_space, action_space)
        self.env_id = env_id
        self.training = training
        self.on_episode: Callable[[int, dict[str, float]], object] | None = None
        self._created = time.time()
        self._run_seed = seed
        self._pending_seed: int | None = None
        self._episodes = np.full(num_envs, -1, dtype=np.int64)
        self._returns = [0.0] * num_envs
        self._actions: list[list[Any]] = [[] for _ in range(num_envs)]
        self._stepping: NDArray[Any] | None = None

    # -- what SB3 calls ------------------------------------------------------------------------------------

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Make ``seed`` the run's seed at the next :meth:`reset`; returns the first episodes' seeds."""
        self._pending_seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        return [episode_seed(self._pending_seed, index, 0) for index in range(self.num_envs)]

    def reset(self) -> NDArray[Any]:
        """Begin each environment's next episode (its first, after :meth:`seed`); return observations."""
        if self._pending_seed is not None:
            self._run_seed, self._pending_seed = self._pending_seed, None
            self._episodes[:] = -1
        self._stepping = None
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return self._reset_all([self._next_episode(index) for index in range(self.num_envs)])

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One timestep of every environment: observations, rewards, dones, infos."""
        return self._step(self._taken(actions))

    def step_async(self, actions: NDArray[Any]) -> None:
        self._stepping = self._taken(actions)

    def step_wait(self) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        if self._stepping is None:
            raise RuntimeError("step_wait() before step_async(): no actions were given")
        actions, self._stepping = self._stepping, None
        return self._step(actions)

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Only without options: with them an episode would not be a function of its seed (ValueError)."""
        if options:
            raise ValueError(f"{self.env_id}: reset options are not supported, an episode is set by its seed")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Indices = None) -> list[bool]:
        """True for SB3's Monitor, whose records the infos carry; see the subclasses for others."""
        return [issubclass(Monitor, wrapper_class)] * len(self._select(indices))

    # -- what the harness asks beyond it -------------------------------------------------------------------

    def protocol_state(self) -> Arrays:
        """What the protocol has learned (normalisation statistics), as arrays for ``numpy.savez``."""
        return {}

    def load_protocol_state(self, state: Arrays) -> None:
        """Take over :meth:`protocol_state`. Raises ValueError if it is of another protocol."""
        if state:
            raise ValueError(
                f"{self.env_id}: this protocol learns nothing, but a state was given: {sorted(state)}"
            )

    def snapshot(self) -> Arrays:
        """The episodes under way: ``run_seed``, and each environment's ``episode`` number and ``actions``.

        ``actions`` is the concatenation over environments and ``lengths`` [n_envs] says how many are whose;
        ``checksums`` [n_envs] are of the current observations and ``returns`` [n_envs] those so far, for
        :meth:`restore` to compare. Together with :meth:`protocol_state` it is all that :meth:`restore` needs.
        """
        taken = [action for actions in self._actions for action in actions]
        shape = (len(taken), *(self.action_space.shape or ()))
        dtype = None if taken else self.action_space.dtype  # what the agent gave may be of another type
        return {
            "run_seed": np.asarray(self._run_seed),
            "episode": self._episodes.copy(),
            "lengths": np.array([len(actions) for actions in self._actions], dtype=np.int64),
            "actions": np.asarray(taken, dtype=dtype).reshape(shape),
            "returns": np.array(self._returns),
            "checksums": np.array(self._checksums(), dtype=np.uint32),
        }

    def restore(self, state: Arrays) -> NDArray[Any]:
        """Play the episodes of :meth:`snapshot` again and return the observations the last step returned.

        Load :meth:`protocol_state` first; statistics are not changed here. Costs as many steps of the
        simulator as the episodes were long. Raises ValueError if the snapshot is of another number of
        environments, and EnvironmentFault if the simulator did not come to the observations and returns of
        that time.
        """
        lengths = state["lengths"]
        if len(lengths) != self.num_envs:
            raise ValueError(
                f"{self.env_id}: the snapshot has {len(lengths)} environments, expected {self.num_envs}"
            )
        self._pending_seed, self._stepping = None, None
        self._run_seed = int(state["run_seed"])
        self._episodes = state["episode"].astype(np.int64)
        self._actions = [list(part) for part in np.split(state["actions"], np.cumsum(lengths)[:-1])]
        observations = self._replay_all()
        returns = state.get("returns", np.array(self._returns)).tolist()  # older snapshots have none
        self._compare("observation", self._checksums(), state["checksums"].tolist())
        self._compare("return", self._returns, returns)
        return observations

    def _compare(self, what: str, seen: Sequence[float], expected: Sequence[float]) -> None:
        for index, (now, then) in enumerate(zip(seen, expected, strict=True)):
            if now != then:
                raise EnvironmentFault(
                    f"{self.env_id} (index {index}): playing episode {self._episodes[index]} again did not "
                    f"come to the {what} it had; the simulator or its version differs"
                )

    # -- for the subclasses --------------------------------------------------------------------------------

    @abstractmethod
    def _reset_all(self, episodes: list[int]) -> NDArray[Any]:
        """Begin episode ``episodes[i]`` in environment i, all of them; return observations."""

    @abstractmethod
    def _step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One timestep of every environment."""

    @abstractmethod
    def _replay_all(self) -> NDArray[Any]:
        """Begin each environment's current episode again and take its actions; return observations."""

    @abstractmethod
    def _checksums(self) -> list[int]:
        """CRC-32 of each environment's current observation as the simulator gave it."""

    def _taken(self, actions: NDArray[Any]) -> NDArray[Any]:
        """A copy that is this object's own. Raises RuntimeError before the first :meth:`reset`."""
        if self._episodes[0] < 0:
            raise RuntimeError("step() before reset(): no episode is under way")
        return np.array(actions)

    def _next_episode(self, index: int) -> int:
        self._episodes[index] += 1
        self._returns[index] = 0.0
        self._actions[index] = []
        return int(self._episodes[index])

    def _episode_seed(self, index: int, episode: int) -> int:
        return episode_seed(self._run_seed, index, episode)

    def _episode_record(self, index: int) -> dict[str, float]:
        episode = {
            "r": round(self._returns[index], 6),
            "l": len(self._actions[index]),
            "t": round(time.time() - self._created, 6),
        }
        if self.on_episode is not None:
            self.on_episode(index, episode)
        return episode

    def _select(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))
