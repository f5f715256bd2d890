"""What a claim of the paper is, as data; :mod:`analysis.paper.claims` reads ``claims.yaml`` into these."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from harness.envs.names import canonical_env_id

Kind = Literal["value", "direction"]
ReferenceSet = Literal["mnih2015", "wang2016", "gu2016"]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
EnvId = Annotated[str, AfterValidator(canonical_env_id)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Region(_Strict):
    """Where a directional claim says that its statistic lies: between ``low`` and ``high``."""

    low: float = -math.inf
    high: float = math.inf

    @model_validator(mode="after")
    def _bounded(self) -> Region:
        if not self.low < self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError("region: expected low < high, at least one of them given")
        return self


class Claim(_Strict):
    """One statement of the paper that runs can bear out or not.

    Attributes:
        id: its name, as ``harness reproduce`` takes it.
        artefacts: tables and figures that it belongs to (``table1``, ``figure3``).
        place: where the paper says it.
        says: what it says, in short.
        kind: ``value`` for a number that is printed, ``direction`` for a statement of more or less.
        statistic: name of the function in :mod:`analysis.paper.statistics`.
        agents: roles in the order in which the statistic takes them; ``artefacts.yaml`` gives their labels.
        envs: canonical environment ids.
        budget: timesteps of training that it speaks of, per run.
        seeds: how many the paper had.
        sweep: stem of the sweep file that makes the runs.
        beside: further sweeps, for agents that the first does not have.
        reference: the table of levels that its statistic refers to.
        level: a level of its own instead, a mean return over 100 episodes.
        batch: timesteps per update, where the paper's table is by batch size.
        paper: of a value, the paper's number; None for its N/A.
        region: of a direction, where the statistic must lie.
        quorum: on how many of the environments at least; all of them unless given.
        joint: one statistic over all environments together, rather than one for each.
        any_budget: its text holds at any budget, from ``least`` timesteps on.
        machine: the number depends on the machine, and cannot be held against another's.
        doubt: where the paper contradicts itself or leaves a term open.
    """

    id: Id
    artefacts: tuple[Id, ...] = ()
    place: str
    says: str
    kind: Kind
    statistic: str
    agents: tuple[str, ...] = Field(min_length=1)
    envs: tuple[EnvId, ...] = Field(min_length=1)
    budget: int = Field(gt=0)
    seeds: int = Field(gt=0)
    sweep: str
    beside: tuple[str, ...] = ()
    reference: ReferenceSet | None = None
    level: float | None = None
    batch: int | None = None
    paper: float | None = None
    region: Region | None = None
    quorum: int | None = None
    joint: bool = False
    any_budget: bool = False
    least: int = 0
    machine: bool = False
    doubt: str = ""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Claim:
        if (self.kind == "direction") != (self.region is not None):
            raise ValueError("region: expected for a direction, and for nothing else")
        if self.kind == "value" and (len(self.envs) > 1 and not self.joint):
            raise ValueError("envs: a value is of one environment; expected per_env for several")
        if self.kind == "value" and self.quorum is not None:
            raise ValueError("quorum: expected for directions alone")
        if self.any_budget != (self.least > 0):
            raise ValueError("least: expected beside any_budget, and not without it")
        if self.quorum is not None and not 0 < self.quorum <= len(self.envs):
            raise ValueError(f"quorum: expected 1 to {len(self.envs)}, the number of environments")
        if self.reference is not None and self.level is not None:
            raise ValueError("reference, level: expected one of them")
        return self


def expanded(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry of ``claims.yaml`` as plain claims.

    ``per_env: {Breakout: 3.5, Pong: 5.3}`` makes a claim for each environment with its number, a list of
    environments one for each without; ``{value}`` and ``{env}`` in ``says`` are filled in. ``budget`` may be
    written ``50e6``.
    """
    entry = dict(entry)
    per_env = entry.pop("per_env", None)
    entry["budget"] = int(float(entry["budget"]))
    if per_env is None:
        return [entry]
    numbers = per_env if isinstance(per_env, dict) else dict.fromkeys(per_env)
    return [
        entry
        | {"id": f"{entry['id']}-{env.lower()}", "envs": [env], "paper": value}
        | {"says": entry["says"].format(env=env, value=value)}
        for env, value in numbers.items()
    ]


class Artefact(_Strict):
    """A table, figure or search of the paper: what it shows, in short, and the sweeps that make it."""

    shows: str
    sweeps: tuple[str, ...] = Field(min_length=1)


class StandIn(_Strict):
    """A label that is shown where the paper's agent was not run, and how it differs from that."""

    label: str
    differs: str


class Artefacts(_Strict):
    """``artefacts.yaml``: tables, figures and searches, the sweeps that make them, and who plays whom.

    Attributes:
        artefacts: id (``table1`` .. ``figure9``, ``grid-atari``, ``grid-mujoco``) -> what it needs.
        forms: stem of a sweep file that claims speak of -> form of ACKTR -> role -> label, the preferred form
            first.
        protocols: stem of a sweep file -> protocol, where it is not the usual one of its environments.
        stand_ins: label -> what is shown where it was not run.
    """

    artefacts: dict[Id, Artefact]
    forms: dict[str, dict[str, dict[str, str]]]
    protocols: dict[str, str]
    stand_ins: dict[str, StandIn]
