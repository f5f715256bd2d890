"""``harness verify-resume``: proof that an interrupted run equals an uninterrupted one."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import Json, print_json, print_table, writing
from harness.commands.run_options import Algo, Assignments, Env, Preset, Protocol, RunFile, Seed, Timesteps

if TYPE_CHECKING:
    from harness.runner.verify import Verdict


def verify_resume(
    file: RunFile = None,
    algo: Algo = None,
    env: Env = None,
    seed: Seed = None,
    timesteps: Timesteps = None,
    preset: Preset = None,
    protocol: Protocol = None,
    assignments: Assignments = None,
    kills: Annotated[int, typer.Option("-k", "--kills", min=1, help="Interruptions.")] = 8,
    draw: Annotated[int, typer.Option(help="Seed of their kinds and moments.")] = 0,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, help="Between checkpoints; 0 is one a rollout.")
    ] = 0.0,
    keep: Annotated[Path | None, typer.Option(help="Keep the run directories here.", metavar="DIR")] = None,
    as_json: Json = False,
) -> None:
    """Do a run once whole, then killed at random moments and resumed; compare records and weights.

    Exits with 1 if anything differs, wall-clock columns aside, or if no kill came after a checkpoint.
    """
    from harness.commands.run import spec_from
    from harness.runner.verify import WorkerFailed
    from harness.runner.verify import verify_resume as verify
    from harness.spec import SpecError

    spec = spec_from(file, algo, env, seed, timesteps, preset, protocol, assignments or [])
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise SpecError(f"--keep {keep}: is not empty, or no directory; expected a new directory")
    if keep is not None:
        with writing("--keep", keep, "a new directory"):
            keep.mkdir(parents=True, exist_ok=True)

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    with tempfile.TemporaryDirectory(prefix="verify-resume-") as scratch:
        try:
            verdict = verify(
                spec,
                keep or Path(scratch),
                kills,
                checkpoint_seconds=checkpoint_seconds,
                draw=random.Random(draw),
                tell=tell,
            )
        except WorkerFailed as error:
            typer.echo(f"harness verify-resume: {error}", err=True)
            raise typer.Exit(1) from None
    if as_json:
        print_json(_content(verdict))
    else:
        _print(verdict)
    if not verdict.exact or not verdict.resumed:
        raise typer.Exit(1)


def _content(verdict: Verdict) -> dict[str, object]:
    return {
        "exact": verdict.exact,
        "whole_seconds": round(verdict.whole_seconds, 3),
        "resumed": verdict.resumed,
        "interruptions": [
            {
                "run": one.run,
                "kind": one.kind.value,
                "after_seconds": round(one.after_seconds, 3),
                "exit_code": one.exit_code,
            }
            for one in verdict.interruptions
        ],
        "comparisons": [vars(one) for one in verdict.comparisons],
    }


def _print(verdict: Verdict) -> None:
    rows = []
    for number in sorted({comparison.run for comparison in verdict.comparisons}):
        kinds = [one.kind.value for one in verdict.interruptions if one.run == number]
        found = [one for one in verdict.comparisons if one.run == number]
        cells = ["identical" if one.difference is None else "DIFFERS" for one in found]
        rows.append([str(number), ", ".join(kinds) or "none", *cells])
    columns = ["run", "interrupted by", "episodes.csv", "progress.csv", "final model"]
    print_table(columns, rows, right=["run"])
    for one in verdict.comparisons:
        if one.difference is not None:
            typer.echo(f"run {one.run}, {one.what}: {one.difference}")
    what = "exact" if verdict.exact else "NOT exact"
    typer.echo(
        f"resume is {what}: {len(verdict.interruptions)} interruptions, {verdict.resumed} resumed from a "
        "checkpoint, wall-clock columns aside"
    )
    if not verdict.resumed:
        typer.echo("every run began anew, which proves nothing: expected more --timesteps or more --kills")
