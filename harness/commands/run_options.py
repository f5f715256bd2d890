"""The options that name one run, shared by the commands that do one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFile = Annotated[
    Path | None,
    typer.Argument(help="run.json of an earlier run, or a RunSpec in JSON.", metavar="[RUN.json]"),
]
Algo = Annotated[str | None, typer.Option(help="Agent; `harness algos` lists them.")]
Env = Annotated[str | None, typer.Option(help="Environment; `harness envs` lists them.")]
Seed = Annotated[int | None, typer.Option(help="Seed, 0 or more.")]
Timesteps = Annotated[str | None, typer.Option(help="Agent decisions, e.g. 1e6.")]
Preset = Annotated[str | None, typer.Option(help="Preset of the agent.")]
Protocol = Annotated[
    str | None, typer.Option(help="How the environment is played; `harness envs` lists the protocols.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Set a hyper-parameter, e.g. eta_max=0.2.", metavar="NAME=VALUE"),
]
