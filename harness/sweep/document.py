"""What a user writes: the schema of a sweep's YAML file.

Every value here is as written; :mod:`harness.sweep.expand` turns it into runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    ValidationInfo,
)

from harness.envs.protocol import PROTOCOL_NAMES
from harness.looks import Correction, Spending, Statistic
from harness.spec import MAX_SEED, NAME_PATTERN, Name, Seed, Timesteps, WholeNumber
from harness.sweep.problems import did_you_mean
from harness.tracking.settings import TrackingBlock

MAX_SEEDS = 100_000


def _empty_block(value: Any) -> Any:
    return {} if value is None else value


def _name_or_block(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else _empty_block(value)


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _varied(values: dict[str, Any]) -> dict[str, Any]:
    """Keys of ``grid`` and ``zip`` are hyper-parameters; say so where something else was meant."""
    elsewhere = {
        "seed": "seeds",
        "seeds": "seeds",
        "env": "envs",
        "envs": "envs",
        "env_id": "envs",
        "algo": "algos",
        "algos": "algos",
        "n_timesteps": "n_timesteps of an env or algo block",
        "protocol": "protocol of the sweep or of an env block",
        "preset": "preset of an algo block",
    }
    for key in values:
        if key in elsewhere:
            raise ValueError(f"expected hyper-parameters, got {key!r}; use {elsewhere[key]} for that")
        if not all(key.split(".")):
            raise ValueError(f"expected names joined by single dots, got {key!r}")
    return values


def _equal_lengths(values: dict[str, list[Any]]) -> dict[str, list[Any]]:
    lengths = {key: len(items) for key, items in values.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key}: {length}" for key, length in lengths.items())
        raise ValueError(f"expected lists of equal length, got {counts}")
    return values


Hyperparameters = Annotated[dict[str, JsonValue], BeforeValidator(_empty_block)]
ProtocolBlock = Annotated[dict[str, JsonValue], BeforeValidator(_name_or_block)]
Values = Annotated[list[JsonValue], Field(min_length=1)]
Grid = Annotated[dict[str, Values], Field(min_length=1), AfterValidator(_varied)]
Zip = Annotated[
    dict[str, Values], Field(min_length=1), AfterValidator(_varied), AfterValidator(_equal_lengths)
]


class EnvBlock(_Block):
    """Overrides for one environment, for every algo of the sweep.

    Attributes:
        n_timesteps: agent decisions per run in this environment.
        protocol: how it is played: a protocol's name, or a mapping of its settings, with or without ``name``.
        hyperparameters: names and values; they win over the preset's.
    """

    n_timesteps: Timesteps | None = None
    protocol: ProtocolBlock = Field(default_factory=dict)
    hyperparameters: Hyperparameters = Field(default_factory=dict)


class AlgoEnvBlock(_Block):
    """Overrides for one algo in one environment; only ``grid`` and ``zip`` win over them.

    Attributes:
        n_timesteps: agent decisions per run of these.
        hyperparameters: names and values; they win over those of both blocks.
    """

    n_timesteps: Timesteps | None = None
    hyperparameters: Hyperparameters = Field(default_factory=dict)


class AlgoBlock(_Block):
    """One row of a sweep: an agent, its preset, and what differs from it.

    Attributes:
        algo: the agent's name, where the key is only a label, so that a sweep can hold two variants of it.
        preset: which of the agent's presets; by default its first (``harness algos``).
        hyperparameters: names and values; they win over the preset's and the environment's.
        n_timesteps: agent decisions per run of this agent.
        grid: values per (dotted) hyper-parameter, for this agent; the cartesian product is run.
        zip: lists of equal length per hyper-parameter, for this agent, walked together.
        envs: overrides for single environments.
    """

    algo: str | None = None
    preset: str | None = None
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    n_timesteps: Timesteps | None = None
    grid: Grid | None = None
    zip: Zip | None = None
    envs: Annotated[
        dict[str, Annotated[AlgoEnvBlock, BeforeValidator(_empty_block)]], BeforeValidator(_empty_block)
    ] = Field(default_factory=dict)


def _last_seed(count: int, info: ValidationInfo) -> int:
    last = info.data.get("start", 0) + count - 1
    if last > MAX_SEED:
        raise ValueError(f"expected the last seed at most {MAX_SEED}, got {last}")
    return count


class SeedRange(_Block):
    """Seeds in a row.

    Attributes:
        start: the first.
        count: how many.
    """

    start: Seed
    count: Annotated[WholeNumber, Field(gt=0, le=MAX_SEEDS), AfterValidator(_last_seed)]


class SeedsUntilDecided(_Block):
    """Seeds from ``start`` on: ``min`` per agent, then ``step`` more at a time up to ``max`` while undecided.

    See :class:`ComparisonBlock`.

    Attributes:
        start: the first.
        min: per agent, before the first look.
        max: per agent, at most.
        step: per agent, between looks.
        until: says that it is this form.
    """

    start: Seed = 0
    min: Annotated[WholeNumber, Field(gt=0)]
    max: Annotated[WholeNumber, Field(gt=0, le=1000), AfterValidator(_last_seed)]
    step: Annotated[WholeNumber, Field(gt=0)] = 2
    until: Literal["decided"]


class ComparisonBlock(_Block):
    """What is compared where ``seeds`` are run ``until: decided``; fixed by the first look.

    The keys mean what they do in :class:`harness.looks.Rule`.
    """

    baseline: str
    statistic: Statistic = "last100"
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    correction: Correction = "holm"
    spending: Spending = "pocock"


def _seed_kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return "<count>"
    if isinstance(value, (list, tuple)):
        return "<list>"
    if isinstance(value, SeedsUntilDecided) or (
        isinstance(value, dict) and {"min", "max", "until"} & set(value)
    ):
        return "<until>"
    return "<range>" if isinstance(value, (dict, SeedRange)) else None


def _list_or_mapping(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        return "<list>"
    return "<mapping>" if isinstance(value, dict) else None


def _no_duplicates(values: list[Any]) -> list[Any]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"expected each once, got {value!r} twice")
    return values


Seeds = Annotated[
    Annotated[int, Field(gt=0, le=MAX_SEEDS), Tag("<count>")]
    | Annotated[list[Seed], Field(min_length=1), AfterValidator(_no_duplicates), Tag("<list>")]
    | Annotated[SeedRange, Tag("<range>")]
    | Annotated[SeedsUntilDecided, Tag("<until>")],
    Discriminator(
        _seed_kind,
        custom_error_type="wrong_kind",
        custom_error_message="expected a count, a list of whole numbers, {start: 10, count: 3}, "
        "or {min: 3, max: 10, until: decided}",
    ),
]
_Names = Annotated[list[str], Field(min_length=1), AfterValidator(_no_duplicates), Tag("<list>")]
_NOT_LIST_OR_MAPPING = {
    "custom_error_type": "wrong_kind",
    "custom_error_message": "expected a list of names or a mapping from name to overrides",
}
Envs = Annotated[
    _Names
    | Annotated[
        dict[str, Annotated[EnvBlock, BeforeValidator(_empty_block)]], Field(min_length=1), Tag("<mapping>")
    ],
    Discriminator(_list_or_mapping, **_NOT_LIST_OR_MAPPING),
]
Algos = Annotated[
    _Names
    | Annotated[
        dict[str, Annotated[AlgoBlock, BeforeValidator(_empty_block)]], Field(min_length=1), Tag("<mapping>")
    ],
    Discriminator(_list_or_mapping, **_NOT_LIST_OR_MAPPING),
]


def _protocol_names(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if name not in PROTOCOL_NAMES:
            raise ValueError(
                f"expected protocol names ({', '.join(PROTOCOL_NAMES)}), got {name!r}"
                + did_you_mean(name, PROTOCOL_NAMES)
            )
    return value


class TierBlock(_Block):
    """A smaller form of a sweep: the keys that it has replace the sweep's.

    ``envs`` and ``algos`` name those that run. Each keeps the block that the sweep gives it, with what stands
    here merged over it; a list names some of the sweep's, a mapping may also add new ones.
    """

    description: str | None = None
    n_timesteps: Timesteps | None = None
    seeds: Seeds | None = None
    comparison: ComparisonBlock | None = None
    envs: Envs | None = None
    protocol: str | None = None
    protocols: Annotated[
        dict[str, Hyperparameters], BeforeValidator(_empty_block), AfterValidator(_protocol_names)
    ] = Field(default_factory=dict)
    algos: Algos | None = None
    grid: Grid | None = None
    zip: Zip | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    tracking: Annotated[TrackingBlock, BeforeValidator(_empty_block)] = Field(default_factory=TrackingBlock)


FULL = "paper"
"""The tier that is the file as it stands."""


def _tier_names(tiers: dict[str, Any]) -> dict[str, Any]:
    for name in tiers:
        if not NAME_PATTERN.match(name):
            raise ValueError(f"expected names of letters, digits, '.', '_' and '-' only, got {name!r}")
    if FULL in tiers:
        raise ValueError(f"expected other names than {FULL!r}, which is the file as it stands, got one")
    return tiers


class SweepSpec(TierBlock):
    """A sweep as written: agents x environments x settings x seeds.

    Precedence, the last one winning:

    - hyper-parameters: the algo's preset, the env's ``hyperparameters``, the algo's ``hyperparameters``,
      those of the algo's ``envs``, ``grid`` and ``zip``;
    - ``n_timesteps``: the sweep's, the env's, the algo's, that of the algo's ``envs``;
    - which protocol: the environment's default, the sweep's ``protocol``, the ``name`` in the env's;
    - its settings: its own, ``protocols[<its name>]``, the env's ``protocol``.

    Attributes:
        name: of the sweep and its directory; ``load_sweep`` fills in the file's stem.
        description: for the reader.
        n_timesteps: agent decisions per run, over all parallel environments.
        seeds: a count n (seeds 0 to n-1), a list, ``{start, count}``, or ``{min, max, until: decided}``.
        comparison: with the last of these, what is to be decided.
        envs: a list of names, or a mapping from name to :class:`EnvBlock`.
        protocol: name of the protocol that every env is played under; default: each env's own.
        protocols: overrides per protocol name.
        algos: a list of agents, or a mapping from label to :class:`AlgoBlock`.
        grid: values per (dotted) hyper-parameter, for every algo; the cartesian product is run.
        zip: lists of equal length per hyper-parameter, for every algo, walked together.
        device: where to train; no part of a run's identity.
        checkpoint_seconds: between checkpoints, 0 for one a rollout; no part of a run's identity. By default
            600, or 100 times what the last one cost, so that they take at most 1 % of the time.
        tracking: W&B and TensorBoard (:class:`harness.tracking.settings.TrackingBlock`); no part of a run's
            identity.
        tiers: smaller forms of the sweep by name (``smoke``, ``short``), each a sweep of its own called
            ``<name>-<tier>``; see :class:`TierBlock`.
    """

    name: Name
    n_timesteps: Timesteps
    seeds: Seeds
    envs: Envs
    algos: Algos
    tiers: Annotated[
        dict[str, Annotated[TierBlock, BeforeValidator(_empty_block)]],
        BeforeValidator(_empty_block),
        AfterValidator(_tier_names),
    ] = Field(default_factory=dict)

    def seed_list(self) -> list[int]:
        """All seeds, in the order in which they are run; of ``until: decided`` those that may be."""
        if isinstance(self.seeds, int):
            return list(range(self.seeds))
        if isinstance(self.seeds, SeedsUntilDecided):
            return list(range(self.seeds.start, self.seeds.start + self.seeds.max))
        if isinstance(self.seeds, SeedRange):
            return list(range(self.seeds.start, self.seeds.start + self.seeds.count))
        return self.seeds

    def env_blocks(self) -> dict[str, EnvBlock]:
        """Environment name, as written, to its overrides."""
        return self.envs if isinstance(self.envs, dict) else {name: EnvBlock() for name in self.envs}

    def algo_blocks(self) -> dict[str, AlgoBlock]:
        """Label to its block."""
        return self.algos if isinstance(self.algos, dict) else {name: AlgoBlock() for name in self.algos}
