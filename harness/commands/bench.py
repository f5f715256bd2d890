"""``harness bench``: throughput and memory of training, beside stock Stable-Baselines3."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.bench.cases import CASES, COMPARISONS
from harness.bench.measure import BenchError, Comparison, Sample, compare
from harness.commands.output import Json, print_json, print_table


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="Processes of each case, in turn.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process.")] = 1,
    scale: Annotated[float, typer.Option(min=0.01, help="Factor on the timed timesteps.")] = 1.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Compare this case only; may be repeated.", metavar="CASE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time training here beside stock Stable-Baselines3, in turn, one process at a time."""
    chosen = [row for row in COMPARISONS if not only or row[0] in only]
    unknown = sorted(set(only or ()) - {row[0] for row in COMPARISONS})
    if unknown:
        names = ", ".join(row[0] for row in COMPARISONS)
        raise typer.BadParameter(f"{', '.join(unknown)}: expected one of: {names}", param_hint="--only")

    def progress(case: str, sample: Sample) -> None:
        typer.echo(f"{case}: {sample.steps_per_second:,.0f} timesteps/s, {sample.peak_mb:,.0f} MB", err=True)

    try:
        results = compare(rounds, threads, scale, chosen, progress)
    except BenchError as error:
        typer.echo(f"harness bench: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json([_row(result) for result in results])
        return
    for result in results:
        typer.echo(
            f"{result.case}: {CASES[result.case].about}; {result.reference}: {CASES[result.reference].about}"
        )
    columns = [
        "comparison",
        "timesteps/s",
        "reference",
        "ratio of speeds",
        "time per timestep",
        "peak memory",
    ]
    print_table(columns, [_cells(result) for result in results], right=columns[1:])
    typer.echo(f"medians of {rounds} rounds, {threads} thread(s) a process")


def _row(result: Comparison) -> dict[str, float | str]:
    return {
        "comparison": result.title,
        "case": result.case,
        "reference": result.reference,
        "timesteps_per_second": result.speed,
        "reference_timesteps_per_second": result.reference_speed,
        "speed_ratio": result.speed_ratio,
        "peak_mb": result.peak_mb,
    }


def _cells(result: Comparison) -> list[str]:
    return [
        result.title,
        f"{result.speed:,.0f}",
        f"{result.reference_speed:,.0f}",
        f"{result.speed_ratio:.2f}",
        f"{1 / result.speed_ratio:.2f} x",
        f"{result.peak_mb:,.0f} MB",
    ]
