"""``harness report``: tables and learning curves of sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, console, print_json, writing

if TYPE_CHECKING:
    from analysis.report import Report


def report(
    sweeps: Annotated[list[str], typer.Argument(help="Names of sweeps.", metavar="SWEEP...")],
    runs_dir: RunsDir = RUNS_DIR,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory for tables and figures; with --html, --json or --markdown none are written "
            "without it.",
            metavar="DIR",
            show_default="reports/SWEEP",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write everything as one page that needs no network: sortable tables, figures, every run.",
            metavar="FILE",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Compare every agent with this one, rather than every pair.", metavar="AGENT"),
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Compare seed by seed, where seeds share their noise.")
    ] = False,
    level_of: Annotated[
        str | None,
        typer.Option(
            help="How soon each agent reaches what this one ends with, in place of the paper's levels.",
            metavar="AGENT",
        ),
    ] = None,
    every_table: Annotated[
        bool, typer.Option("--all", help="Print every table, not the results alone.")
    ] = False,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Compare the algos of sweeps: returns, time to the reference level, aggregates, tests, figures."""
    from analysis.load import SweepError
    from analysis.report import report as make_report
    from harness.spec import SpecError

    if as_json and as_markdown:
        raise SpecError("--json and --markdown: expected one of them")
    if out is None and html is None and not (as_json or as_markdown):
        out = Path("reports") / "+".join(Path(sweep).name for sweep in sweeps)
    try:
        content = make_report(runs_dir, sweeps, baseline=baseline, paired=paired, level_of=level_of)
    except SweepError as error:
        raise SpecError(str(error)) from None
    paths = []
    if out is not None:
        with writing("--out", out, "a directory"):
            paths = content.write(out)
    if html is not None:
        _write_page(content, html, runs_dir, sweeps)
        paths.append(html)
    if as_json:
        print_json(content.to_json())
    else:
        for table in (content.table, *(content.sections.values() if every_table else ())):
            if as_markdown:
                typer.echo(
                    f"## {table.title}\n\n{table.to_markdown()}" if every_table else table.to_markdown()
                )
            else:
                console().print(table.to_rich())
    for warning in content.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for path in paths:
        typer.echo(f"wrote {path}", err=True)


def _write_page(content: Report, path: Path, runs_dir: Path, sweeps: list[str]) -> None:
    from analysis.files import write_file
    from analysis.html import html_report
    from analysis.paper.reproduction import claims_on

    claims = claims_on(runs_dir, sweeps)
    page = html_report(content, extra_sections={} if claims is None else {"claims": claims})
    with writing("--html", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, page)
