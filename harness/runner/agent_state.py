"""Everything in an on-policy agent that its further training depends on, between two rollouts.

- what SB3 itself saves as tensors (``_get_torch_save_params``): the policy, its optimizer with all that it
  holds, and whatever else the agent's class names there;
- every attribute of the agent that is plain data: counters, training progress, the last observations and
  episode starts, episode statistics, recurrent states;
- the logger's pending values.

The rollout buffer is empty at that point. An agent of another package is complete in the same way when its
state is in ``_get_torch_save_params`` or in plain attributes.
"""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.save_util import recursive_getattr, recursive_setattr

from harness.runner.plain import NotPlain, decode, encode

LOGGER_FIELDS = ("name_to_value", "name_to_count", "name_to_excluded")


def agent_state(agent: OnPolicyAlgorithm) -> dict[str, Any]:
    """The agent's state, for ``torch.save``. It shares the agent's tensors: write it before training on."""
    modules, tensors = agent._get_torch_save_params()
    attributes = {}
    for name, value in vars(agent).items():
        try:
            attributes[name] = encode(value)
        except NotPlain:
            continue
    return {
        "modules": {name: recursive_getattr(agent, name).state_dict() for name in modules},
        "tensors": {name: recursive_getattr(agent, name) for name in tensors},
        "attributes": attributes,
        "logger": {name: encode(dict(getattr(agent.logger, name))) for name in LOGGER_FIELDS},
    }


def load_agent_state(agent: OnPolicyAlgorithm, state: dict[str, Any]) -> None:
    """Bring a newly built agent into the state that :func:`agent_state` gave."""
    load_modules(agent, state)
    for name, tree in state["attributes"].items():
        value, current = decode(tree, agent.device), getattr(agent, name, None)
        if isinstance(current, tuple) and hasattr(current, "_fields"):
            value = type(current)(*value)
        setattr(agent, name, value)
    _load_logger(agent.logger, state["logger"])


def load_modules(agent: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Only what SB3 saves as tensors: parameters, buffers and optimizers."""
    for name, content in state["modules"].items():
        recursive_getattr(agent, name).load_state_dict(content)
    for name, tensor in state["tensors"].items():
        if isinstance(current := recursive_getattr(agent, name), torch.Tensor):
            current.data.copy_(tensor)
        else:
            recursive_setattr(agent, name, tensor)


def _load_logger(logger: Logger, state: dict[str, Any]) -> None:
    for name in LOGGER_FIELDS:
        getattr(logger, name).update(decode(state[name]))
