"""Environments that say which actions are valid."""

from __future__ import annotations

from harness.envs.names import is_atari, is_mujoco

MASKS = "action_masks"
"""sb3-contrib's name for the method: no arguments, returns bool [n] (Discrete) or the masks of all parts."""


def offers_action_masks(env_id: str) -> bool:
    """Whether the canonical ``env_id`` has :data:`MASKS`, in the environment or in a wrapper around it.

    No Atari game and no MuJoCo task has it; any other environment is made once to see. It raises what it may.
    """
    if is_atari(env_id) or is_mujoco(env_id):
        return False
    import gymnasium

    env = gymnasium.make(env_id, disable_env_checker=True)
    try:
        return env.has_wrapper_attr(MASKS) and callable(env.get_wrapper_attr(MASKS))
    finally:
        env.close()
