"""Agents that act under masks only go with environments that have them."""

from __future__ import annotations

from algos.registry import Agent
from harness.envs.masks import MASKS, offers_action_masks


class NoActionMasks(ValueError):
    """The message is one line: agent, environment and what is expected."""


def check_masks(agent: Agent, env_id: str) -> None:
    """Find out whether ``agent`` can act in the canonical ``env_id``.

    Raises:
        NoActionMasks: it takes action masks, and the environment offers none or cannot be made.
    """
    if not agent.takes_action_masks:
        return
    try:
        offered = offers_action_masks(env_id)
    except Exception as error:  # whatever another package's environment raises
        raised = " ".join(f"{type(error).__name__}: {error}".split())
        raise NoActionMasks(f"{env_id} cannot be made: {raised}") from None
    if not offered:
        raise NoActionMasks(
            f"{agent.name} takes action masks and {env_id} offers none; expected an environment with a "
            f"method {MASKS}(), as sb3_contrib's ActionMasker gives it"
        )
