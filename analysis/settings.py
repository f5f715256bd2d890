"""Names for settings: the hyper-parameters in which they differ, and nothing else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = "unset"
IMPORTED = "imported"
"""Protocol of runs that other programs made."""
NAME = "protocol.name"


@dataclass(frozen=True)
class Variant:
    """One resolved setting of an agent on an environment, before it has a name.

    Attributes:
        sweep, agent, env_id, identity: where its runs are; the agent is named by the RunSpec's label.
        spec: the RunSpec of any of its runs.
    """

    sweep: str
    agent: str
    env_id: str
    identity: str
    spec: Mapping[str, Any]


def differences(variants: Sequence[Variant]) -> list[str]:
    """A text per variant that tells it from the others of the same agent on the same environment.

    It lists the hyper-parameters, protocol settings and ``n_timesteps`` that differ on at least one
    environment, so that one setting carries the same text on all of them; hyper-parameters that only change
    from one environment to another do not count. Of imported runs only the protocol is known. Where these
    tell nothing apart, the sweep and then the identity is added. An agent with one setting per environment
    gets "".
    """
    by_agent: dict[str, list[int]] = defaultdict(list)
    for index, variant in enumerate(variants):
        by_agent[variant.agent].append(index)
    result = [""] * len(variants)
    for indices in by_agent.values():
        for index, text in zip(indices, _of_one_agent([variants[i] for i in indices]), strict=True):
            result[index] = text
    return result


def _of_one_agent(variants: Sequence[Variant]) -> list[str]:
    known = [variant.spec.get("protocol", {}).get("name") != IMPORTED for variant in variants]
    settings = [
        _flat(variant.spec) if has else {NAME: IMPORTED} for variant, has in zip(variants, known, strict=True)
    ]
    by_env: dict[str, list[int]] = defaultdict(list)
    for index, variant in enumerate(variants):
        by_env[variant.env_id].append(index)
    differing = sorted(
        {
            key
            for indices in by_env.values()
            for key in {key for index in indices for key in settings[index]}
            if len({settings[i].get(key, MISSING) for i in indices if known[i] or key == NAME}) > 1
        }
    )
    parts = [
        [f"{key}={setting.get(key, MISSING)}" for key in differing if has or key == NAME]
        for setting, has in zip(settings, known, strict=True)
    ]
    for field in ("sweep", "identity"):
        names = [(variant.env_id, *part) for variant, part in zip(variants, parts, strict=True)]
        if len(set(names)) == len(names):
            break
        if len({getattr(variant, field) for variant in variants}) == 1:
            continue
        for variant, part in zip(variants, parts, strict=True):
            part.append(f"{field}={getattr(variant, field)}")
    return [", ".join(part) for part in parts]


def _flat(spec: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> text of the value, for the part of a RunSpec that can make two settings differ."""
    flat = {"n_timesteps": _text(spec["n_timesteps"])}
    _flatten(spec.get("hyperparameters", {}), "", flat)
    _flatten(spec.get("protocol", {}), "protocol.", flat)
    return flat


def _flatten(values: Mapping[str, Any], prefix: str, into: dict[str, str]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            _flatten(value, f"{prefix}{key}.", into)
        else:
            into[prefix + key] = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)
