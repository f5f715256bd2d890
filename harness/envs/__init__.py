"""Environments by name: which exist, under which protocol they are played, and how to make them.

Importing this package, :mod:`harness.envs.names`, :mod:`harness.envs.protocol`, :mod:`harness.envs.reference`
or :mod:`harness.envs.catalog` loads neither torch nor gymnasium, so planning a sweep stays quick.
``harness.envs.make`` is what builds environments and it imports both.
"""

from __future__ import annotations

from harness.envs.names import UnknownEnvironment, canonical_env_id, is_atari, is_mujoco, rom_name
from harness.envs.protocol import (
    AtariProtocol,
    AtariStickyProtocol,
    GymProtocol,
    MujocoPixelsProtocol,
    MujocoProtocol,
    Protocol,
    WrongProtocol,
    default_protocol,
    protocol_class,
    protocol_names,
)

__all__ = [
    "AtariProtocol",
    "AtariStickyProtocol",
    "GymProtocol",
    "MujocoPixelsProtocol",
    "MujocoProtocol",
    "Protocol",
    "UnknownEnvironment",
    "WrongProtocol",
    "canonical_env_id",
    "default_protocol",
    "is_atari",
    "is_mujoco",
    "protocol_class",
    "protocol_names",
    "rom_name",
]
