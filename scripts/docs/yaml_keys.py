"""The keys of a sweep's file, of an agent, of a protocol and of a cluster's profile, as sections."""

from __future__ import annotations

from algos import hyperparameters
from harness.envs import protocol
from harness.looks import Rule
from harness.sweep import document
from harness.sweep.slurm.profile import Profile
from harness.tracking.settings import TrackingBlock, WandbBlock
from scripts.docs.docstrings import meanings
from scripts.docs.schema import Section

_SCHEDULE = "number ≥ 0, or a schedule"
_VALUES = "hyper-parameters and their values; they win over the preset's"
_RULES = meanings(Rule)

SWEEP = [
    Section("A sweep", document.SweepSpec, default={"name": "the file's stem"}),
    Section(
        "Block of an environment",
        document.EnvBlock,
        meaning={
            "n_timesteps": "agent decisions per run in this environment",
            "protocol": "how it is played: a protocol's name, or settings of it, with or without `name`",
            "hyperparameters": _VALUES,
        },
        type={"protocol": "text or mapping"},
        intro="Overrides for one environment, for every agent of the sweep.",
    ),
    Section(
        "Block of an agent",
        document.AlgoBlock,
        meaning={
            "algo": "the agent's name, where the key above is only a label",
            "preset": "which of the agent's presets; by default its first (`harness algos`)",
            "hyperparameters": _VALUES,
            "n_timesteps": "agent decisions per run of this agent",
            "grid": "values per hyper-parameter, for this agent; the cartesian product is run",
            "zip": "lists of equal length per hyper-parameter, for this agent, walked together",
            "envs": "overrides for single environments",
        },
        intro="One row of a sweep: an agent, its preset, and what differs from it.",
    ),
    Section(
        "Block of an agent in one environment",
        document.AlgoEnvBlock,
        meaning={"n_timesteps": "agent decisions per run of these", "hyperparameters": _VALUES},
    ),
    Section(
        "Range of seeds",
        document.SeedRange,
        meaning={"start": "the first", "count": "how many"},
    ),
    Section(
        "Seeds until decided",
        document.SeedsUntilDecided,
        meaning={
            "start": "the first",
            "min": "per agent, before the first look",
            "max": "per agent, at most",
            "step": "per agent, between looks",
            "until": "says that it is this form",
        },
    ),
    Section(
        "What is compared",
        document.ComparisonBlock,
        meaning={
            "baseline": _RULES["baseline"],
            "statistic": _RULES["statistic"],
            "alpha": _RULES["alpha"],
            "correction": _RULES["correction"],
            "spending": _RULES["spending"],
        },
        intro="For seeds that are run `until: decided`. It is fixed by the first look.",
    ),
    Section(
        "Tracking",
        TrackingBlock,
        type={"wandb": "a mode (text), or a [mapping](#wb)"},
        intro="See [tracking](tracking.md).",
    ),
    Section("W&B", WandbBlock, intro="`wandb: offline` is short for `wandb: {mode: offline}`."),
]

PROFILE = Section(
    "A cluster's profile",
    Profile,
    type={"walltime": 'time in quotes, `"hours:minutes:seconds"` or `"days-hours:minutes:seconds"`'},
    default={"name": "the file's stem"},
    intro="Where and how a sweep's jobs run: the file `slurm/<name>.yaml`. None of it is part of a run's "
    "identity. A job is one node's allocation and holds `runs_per_job` runs. With GPUs `gpus_per_job` times "
    "`runs_per_gpu` of them run at the same time, and the others follow as places get free; without "
    "GPUs all do.",
)

_ATARI = {"name": "the protocol", "version": "goes up when the same settings come to mean something else"}
_NORMAL = {
    "normalize_obs": "observations lose their running mean and are divided by their standard deviation",
    "normalize_reward": "rewards are divided by the running standard deviation of the discounted return",
}
PROTOCOLS = [
    Section("atari", protocol.AtariProtocol, meaning=_ATARI),
    Section("atari-sticky", protocol.AtariStickyProtocol, meaning=_ATARI),
    Section("mujoco", protocol.MujocoProtocol, meaning=_ATARI | _NORMAL),
    Section(
        "mujoco-pixels",
        protocol.MujocoPixelsProtocol,
        meaning=_ATARI | {"normalize_reward": _NORMAL["normalize_reward"]},
    ),
    Section("gym", protocol.GymProtocol, meaning=_ATARI | _NORMAL),
]

AGENTS = [
    Section(
        "acktr",
        hyperparameters.ACKTR,
        meaning={
            "kfac_kwargs": "options of the actor's (or the joint) K-FAC optimizer",
            "critic_kwargs": "options of a critic that is updated apart from the actor",
        },
        type={"eta_max": _SCHEDULE, "delta": _SCHEDULE, "critic_sigma": "number > 0 or `adaptive`"},
    ),
    Section("kfac_kwargs", hyperparameters.KFACOptions),
    Section(
        "critic_kwargs",
        hyperparameters.CriticOptions,
        meaning={"kfac_kwargs": "options of the critic's K-FAC optimizer; momentum 0 by default"},
        type={"eta_max": _SCHEDULE, "delta": _SCHEDULE, "learning_rate": _SCHEDULE},
    ),
    Section("a2c", hyperparameters.A2C, type={"learning_rate": _SCHEDULE}),
    Section(
        "trpo",
        hyperparameters.TRPO,
        meaning={
            "line_search_shrinking_factor": "factor on the step from one trial to the next",
            "line_search_max_iter": "trials of the line search",
        },
        type={"learning_rate": _SCHEDULE},
    ),
]
