"""``harness evaluate``: how well a run's agent plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import Json, print_json

if TYPE_CHECKING:
    from harness.evaluation.record import Evaluation


def evaluate(
    run_dir: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN")],
    episodes: Annotated[int, typer.Option(help="Whole episodes to play.")] = 30,
    deterministic: Annotated[
        bool | None,
        typer.Option(
            "--deterministic/--sampled",
            help="The policy's mode, or a sample of it.",
            show_default="--sampled, where the agent does",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the evaluation, 0 or more; none is a training's.")] = 0,
    video: Annotated[
        Path | None, typer.Option(help="Film the first episode into this .mp4.", metavar="FILE")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Play with a run's newest parameters, of its last checkpoint or its final model; writes evaluation-*."""
    from harness.evaluation.evaluate import Settings
    from harness.evaluation.evaluate import evaluate as play
    from harness.evaluation.video import VideoError
    from harness.records import RecordError, RunRecord
    from harness.runner.exit_codes import ExitCode
    from harness.runner.faults import judge
    from harness.spec import MAX_SEED, SpecError

    if episodes < 1:
        raise SpecError(f"--episodes {episodes}: expected a number >= 1")
    if not 0 <= seed <= MAX_SEED:
        raise SpecError(f"--seed {seed}: expected a number from 0 to {MAX_SEED}")
    if device not in ("auto", "cpu", "cuda"):
        raise SpecError(f"--device {device}: expected cpu, cuda or auto")
    record = RunRecord(run_dir)
    try:
        evaluation = play(record, Settings(episodes, deterministic, seed, video, device))
        path = evaluation.write(record)
    except VideoError as error:
        raise SpecError(f"--video {error}") from None
    except (RecordError, SpecError):
        raise
    except Exception as error:
        code, line = judge(error, record.spec["env_id"])
        if code is ExitCode.ENVIRONMENT_FAULT:
            raise SpecError(line) from error
        if isinstance(error, OSError):
            raise SpecError(f"{run_dir}: cannot be written ({error.strerror})") from None
        raise
    if as_json:
        print_json(evaluation.to_json())
        return
    for line in _lines(evaluation):
        typer.echo(line)
    for written in (path, video):
        if written is not None:
            typer.echo(f"wrote {written}", err=True)


def _lines(evaluation: Evaluation) -> list[str]:
    summary, protocol = evaluation.summary(), evaluation.protocol
    n_episodes = len(evaluation.episodes)
    lines = [
        f"{evaluation.env_id}, protocol {protocol['name']} v{protocol['version']}, "
        f"after {evaluation.timesteps:,} timesteps",
        f"return {summary['mean']:,.1f} ± {summary['std']:,.1f} (standard deviation), "
        f"median {summary['median']:,.1f}, from {summary['min']:,.1f} to {summary['max']:,.1f}: "
        f"{n_episodes} episode{'s' if n_episodes > 1 else ''}, {evaluation.actions} actions, "
        f"seed {evaluation.seed}",
    ]
    lines += [
        f"human-normalised {row['human_normalized']:.3f} by {row['reference']} "
        f"(random {row['random']:g}, human {row['human']:g})"
        for row in evaluation.references()
    ]
    return lines
