"""The page docs/reference.md."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from pydantic import BaseModel

from harness.sweep import document
from harness.sweep.document import SweepSpec, TierBlock
from scripts.docs.commands import commands
from scripts.docs.docstrings import prose
from scripts.docs.markdown import code, from_docstring, link
from scripts.docs.run_files import exit_codes, run_directory
from scripts.docs.schema import Undocumented, render, titles_of
from scripts.docs.yaml_keys import AGENTS, PROFILE, PROTOCOLS, SWEEP

HEAD = """# Reference

<!-- Made by `python -m scripts.docs` from the code; do not edit. -->

[A sweep's file](#a-sweeps-file) ·
[protocols](#protocols) ·
[hyper-parameters](#hyper-parameters) ·
[a cluster's profile](#a-clusters-profile) ·
[commands](#commands) ·
[exit codes](#exit-codes) ·
[run directory](#run-directory)"""

KEYS = """## A sweep's file

Whole numbers may be written `1000000`, `1_000_000` or `1e6`. A key that is not here is an error, and so is a
value of another type or outside its range. Only what is required has to be there."""

PROTOCOL = """## Protocols

How an environment is played. Settings go into `protocol` of an environment's block or into
`protocols: {<name>: {...}}` of the sweep. `harness envs` lists which environments are played under which."""

HYPERPARAMETERS = """## Hyper-parameters

What `hyperparameters`, `grid` and `zip` may set; dots reach inside (`kfac_kwargs.damping`). The defaults here
are the constructors'. A preset's values win over them: `harness algos acktr` prints what a run gets, and
where from. Agents of Stable-Baselines3 and sb3-contrib take their constructor's arguments, and `n_envs`.

A schedule is `lin_0.25` (linear from 0.25 to 0), `{linear: [0.01, 0.0005]}` or `{quadratic: [0.01, 0]}`."""


TIER = "A tier"


def _tier(titles: Mapping[str, str]) -> str:
    """A tier's keys are the sweep's; which ones, and what it does with them."""
    own = [code(name) for name in SweepSpec.model_fields if name not in TierBlock.model_fields]
    keys = ", ".join(map(code, TierBlock.model_fields))
    return "\n\n".join(
        [
            f"### {TIER}",
            from_docstring(prose(TierBlock), titles),
            f"Its keys are {link('A sweep', 'those of a sweep')} without {' and '.join(own)}: {keys}.",
        ]
    )


def _check_blocks() -> None:
    """Every block that a sweep's file may have has a section."""
    shown = {section.model for section in SWEEP} | {TierBlock}
    blocks = {one for one in vars(document).values() if inspect.isclass(one) and issubclass(one, BaseModel)}
    missing = [
        one.__name__ for one in blocks - shown if not one.__name__.startswith("_") and one is not BaseModel
    ]
    if missing:
        raise Undocumented(f"give {', '.join(missing)} a section in scripts/docs/yaml_keys.py")


def reference() -> str:
    """The whole page.

    Raises:
        Undocumented: a key or a block has no meaning or no section.
    """
    _check_blocks()
    titles = titles_of([*SWEEP, *PROTOCOLS, *AGENTS, PROFILE])
    titles["TierBlock"] = TIER
    titles["CriticKFACOptions"] = titles["KFACOptions"]
    parts = [
        HEAD,
        KEYS,
        *(render(section, titles) for section in SWEEP),
        _tier(titles),
        PROTOCOL,
        *(render(section, titles) for section in PROTOCOLS),
        HYPERPARAMETERS,
        *(render(section, titles) for section in AGENTS),
        render(PROFILE, titles, level=2),
        "## Commands",
        commands(),
        exit_codes(),
        run_directory(),
    ]
    return "\n\n".join(parts) + "\n"
