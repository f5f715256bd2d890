"""Build the vector environment that a protocol describes. Imports gymnasium, ale-py, SB3 and torch."""

from __future__ import annotations

from harness.envs.base import EnvironmentFault, HarnessVecEnv
from harness.envs.names import canonical_env_id, rom_name
from harness.envs.protocol import AtariSettings, MujocoPixelsProtocol, Protocol, protocol_class

__all__ = ["EnvironmentFault", "HarnessVecEnv", "make_vec_env"]


def make_vec_env(
    env_id: str,
    protocol: Protocol,
    n_envs: int,
    seed: int,
    *,
    gamma: float = 0.99,
    training: bool = True,
    num_threads: int | None = None,
) -> HarnessVecEnv:
    """``n_envs`` environments ``env_id`` under ``protocol``, as an SB3 VecEnv that SB3 wraps in nothing more.

    :param seed: the run's seed; an episode's seed comes from it, the environment's index and its own number.
    :param gamma: the agent's discount, for the protocol's reward normalisation only.
    :param training: whether the protocol's statistics learn; settable later as ``vec_env.training``.
    :param num_threads: Atari emulators running at once; None runs all. It changes no number.

    Raises UnknownEnvironment for a name that is none, WrongProtocol if it is not played under that protocol,
    and ValueError for ``n_envs`` or ``num_threads`` below 1.
    """
    canonical = canonical_env_id(env_id)
    for name, value in (("n_envs", n_envs), ("num_threads", num_threads)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}, expected 1 or more")
    protocol_class(canonical, protocol.name)
    if isinstance(protocol, AtariSettings):
        from ale_py import roms

        from harness.envs.atari import AtariVecEnv

        rom_path = roms.get_rom_path(rom_name(canonical))
        if rom_path is None:
            raise FileNotFoundError(
                f"{canonical}: ale-py lists the ROM {rom_name(canonical)!r} but does not have it"
            )
        return AtariVecEnv(
            canonical, rom_path, protocol, n_envs, seed, training=training, num_threads=num_threads
        )
    if isinstance(protocol, MujocoPixelsProtocol):
        from harness.envs.pixels import PixelsVecEnv

        return PixelsVecEnv(canonical, protocol, n_envs, seed, gamma=gamma, training=training)
    from harness.envs.gym_vec import GymVecEnv

    return GymVecEnv(canonical, protocol, n_envs, seed, gamma=gamma, training=training)
