"""What an agent that comes as a class only says of itself: its hyper-parameters, and if it takes masks."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from algos.hyperparameters import Count
from algos.schedules import ScheduleField

SET_BY_THE_RUNNER = frozenset(
    {"self", "env", "seed", "device", "verbose", "tensorboard_log", "_init_setup_model", "stats_window_size"}
)
PLAIN = (int, float, bool, str)


def schema_of(agent_class: type) -> type[BaseModel]:
    """Build a pydantic model with one field per constructor argument, plus ``n_envs``.

    An argument whose annotation (or, without one, default) is a plain type is checked against it; SB3's
    ``learning_rate`` and whatever admits a callable take a schedule; any other takes any JSON value.
    ``policy`` defaults to the first of the agent's policy aliases.
    """
    fields: dict[str, Any] = {"n_envs": (Count, 1)}
    for name, parameter in inspect.signature(agent_class).parameters.items():
        if name in SET_BY_THE_RUNNER or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name == "policy":
            fields[name] = (str, next(iter(getattr(agent_class, "policy_aliases", {})), "MlpPolicy"))
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        hint = _annotation(agent_class, name)
        if hint is Any and type(default) in PLAIN:
            hint = type(default)
        fields[name] = (ScheduleField if name == "learning_rate" else _field_type(hint), default)
    config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model(agent_class.__name__, __config__=config, **fields)
    return model


def takes_action_masks(agent_class: type[Any]) -> bool:
    """Whether ``predict`` has an argument ``action_masks``, the valid actions, as MaskablePPO's has."""
    return "action_masks" in inspect.signature(agent_class.predict).parameters


def _annotation(agent_class: type, name: str) -> Any:
    """The annotation of one argument; ``Any`` where it names something that only a type checker sees."""
    constructor = agent_class.__init__  # type: ignore[misc]
    hint = constructor.__annotations__.get(name, Any)
    holder = types.SimpleNamespace(__annotations__={name: hint})
    try:
        return typing.get_type_hints(holder, globalns=constructor.__globals__)[name]
    except (NameError, TypeError):
        return Any


def _field_type(hint: Any) -> Any:
    members = _members(hint)
    if any(_is_callable(member) for member in members):
        return ScheduleField | None if type(None) in members else ScheduleField
    if all(member in PLAIN or member is type(None) for member in members):
        return hint
    return Any


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _is_callable(hint: Any) -> bool:
    return typing.get_origin(hint) is collections.abc.Callable or hint is typing.Callable
