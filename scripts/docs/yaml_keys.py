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
_RULES = meanings(Rule)

SWEEP = [
    Section("A sweep", document.SweepSpec, default={"name": "the file's stem"}),
    Section(
        "Block of an environment",
        document.EnvBlock,
        type={"protocol": "text or mapping"},
    ),
    Section("Block of an agent", document.AlgoBlock),
    Section("Block of an agent in one environment", document.AlgoEnvBlock),
    Section("Range of seeds", document.SeedRange),
    Section("Seeds until decided", document.SeedsUntilDecided),
    Section(
        "What is compared",
        document.ComparisonBlock,
        meaning={name: _RULES[name] for name in document.ComparisonBlock.model_fields},
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

PROTOCOLS = [
    Section("atari", protocol.AtariProtocol),
    Section("atari-sticky", protocol.AtariStickyProtocol),
    Section("mujoco", protocol.MujocoProtocol),
    Section("mujoco-pixels", protocol.MujocoPixelsProtocol),
    Section("gym", protocol.GymProtocol),
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
