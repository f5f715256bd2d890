"""``harness run``: one run, from options or from a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.commands.output import RUNS_DIR, AllowCodeChange, Fresh, Json, RunsDir, print_json
from harness.commands.run_options import Algo, Assignments, Env, Preset, Protocol, RunFile, Seed, Timesteps
from harness.commands.starting import execute, finish
from harness.commands.tracking_options import Tensorboard, Wandb, tracking

if TYPE_CHECKING:
    from harness.spec import RunSpec


def run(
    file: RunFile = None,
    algo: Algo = None,
    env: Env = None,
    seed: Seed = None,
    timesteps: Timesteps = None,
    preset: Preset = None,
    protocol: Protocol = None,
    assignments: Assignments = None,
    name: Annotated[str, typer.Option(help="The sweep that the run belongs to.")] = "adhoc",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")] = "auto",
    checkpoint_seconds: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Between checkpoints, 0 for one a rollout. [default: 600, or 100 times what one costs]",
        ),
    ] = None,
    wandb: Wandb = None,
    tensorboard: Tensorboard = False,
    fresh: Fresh = False,
    allow_code_change: AllowCodeChange = False,
    runs_dir: RunsDir = RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Do one run: from --algo, --env, --seed and --timesteps, or again from a RUN.json.

    An interrupted one goes on from its newest checkpoint.
    """
    from harness.runner.lock import lock
    from harness.spec import MAX_NAME, NAME_PATTERN, SpecError
    from harness.sweep.plan import make_plan
    from harness.sweep.worker import runner_command
    from harness.tracking.settings import TrackingBlock

    if not NAME_PATTERN.match(name):
        raise SpecError(
            f"--name {name}: expected letters, digits, '.', '_' and '-' only, not beginning with a dot"
        )
    if len(name) > MAX_NAME:
        raise SpecError(f"--name {name}: expected at most {MAX_NAME} characters")
    tracked = tracking(TrackingBlock(), wandb, tensorboard)
    spec = spec_from(file, algo, env, seed, timesteps, preset, protocol, assignments or [])
    plan = make_plan([spec], runs_dir, name)
    if not plan.to_run:
        if plan.runs[0].found == "running":
            raise SpecError(f"{plan.runs[0].record.directory}: another process is at this run")
        if as_json:
            print_json({"sweep": name, "summary": plan.summary(), "runs": []})
        else:
            typer.echo(f"{plan.summary()} ({plan.runs[0].record.directory})")
        return
    directory = plan.runs[0].record.directory
    if not as_json:
        typer.echo(str(directory))
    with lock(directory, f"run {directory}"):
        command = runner_command(
            device,
            checkpoint_seconds=checkpoint_seconds,
            fresh=fresh,
            allow_code_change=allow_code_change,
            tensorboard=tracked.tensorboard,
        )
        outcome = execute(plan.to_run, command, 1, as_json, tracked.wandb)
    finish(outcome, name, as_json)


def spec_from(
    file: Path | None,
    algo: str | None,
    env: str | None,
    seed: int | None,
    timesteps: str | None,
    preset: str | None,
    protocol: str | None,
    assignments: list[str],
) -> RunSpec:
    """The run that a command's options describe, or its file.

    Raises:
        SpecError: naming the option or the file.
    """
    from harness.spec import SpecError
    from harness.sweep.single import read_run, run_from_options

    options = {"--algo": algo, "--env": env, "--seed": seed, "--timesteps": timesteps}
    if file is not None:
        extra = {**options, "--preset": preset, "--protocol": protocol}
        given = [option for option, value in extra.items() if value is not None]
        given += ["--set"] if assignments else []
        if given:
            raise SpecError(f"{file}: holds the whole run; expected no {', '.join(given)} beside it")
        return read_run(file)
    if algo is None or env is None or seed is None or timesteps is None:
        missing = [option for option, value in options.items() if value is None]
        raise SpecError(f"{', '.join(missing)} missing; expected {', '.join(options)}, or a RUN.json")
    return run_from_options(algo, env, seed, timesteps, preset, assignments, protocol)
