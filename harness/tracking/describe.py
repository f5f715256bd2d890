"""A run in W&B's words: its id, group, name and config. The same record always gives the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.records import RunRecord
from harness.spec import identity_of

CODE_FACTS = ("agent_digest", "git", "packages", "python")


@dataclass(frozen=True)
class Description:
    """What W&B is told of a run.

    Attributes:
        id: 16 hex digits of SHA-256 over sweep, label, environment, identity and seed.
        group: ``<sweep>/<label>/<env>/<hash8>``: the seeds of one setting.
        name: ``<env>__<label>__<seed>__<hash8>``.
        config: the RunSpec, with its sweep, its identity, the code that trained it, and the names under
            which other tools look for the label and the budget (``exp_name``, ``total_timesteps``).
    """

    id: str
    group: str
    name: str
    config: dict[str, Any]

    def id_of(self, history: int) -> str:
        """Id of the run's ``history``-th history, from 0; a later one begins after points were taken back."""
        return f"{self.id}-{history}" if history else self.id


def describe(record: RunRecord) -> Description:
    """Describe the run in ``record``.

    Raises:
        harness.records.RecordError: ``run.json`` is missing or damaged.
    """
    content = record.content()
    spec: Mapping[str, Any] = content["spec"]
    sweep = content.get("sweep") or record.directory.resolve().parents[3].name
    identity = identity_of({key: value for key, value in spec.items() if key not in ("seed", "label")})
    label, env_id, seed = spec["label"], spec["env_id"], spec["seed"]
    attempts = content["attempts"]
    provenance = attempts[-1].get("provenance", {}) if attempts else {}
    config = {
        **spec,
        "sweep_name": sweep,
        "identity": identity,
        "exp_name": label,
        "total_timesteps": spec["n_timesteps"],
        "code": {key: provenance[key] for key in CODE_FACTS if key in provenance},
    }
    text = json.dumps([sweep, label, env_id, identity, seed])
    return Description(
        id=hashlib.sha256(text.encode()).hexdigest()[:16],
        group="/".join((sweep, label, env_id.replace("/", "-"), identity))[-128:],
        name=f"{env_id}__{label}__{seed}__{identity}",
        config=config,
    )
