"""``harness reproduce``: the paper's tables, figures, searches and claims against runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, console, print_json, print_table, writing
from harness.commands.sweep import LOCAL, Backend, Jobs

if TYPE_CHECKING:
    from analysis.paper.reproduction import Reproduction

FORMS = ("tuned", "paper")


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables, figures, searches and claims; all without one.",
            metavar="[table1|figure3|grid-atari|CLAIM...]",
        ),
    ] = None,
    tier: Annotated[str, typer.Option(help="Of the sweeps: paper, short or smoke.")] = "paper",
    run: Annotated[
        bool, typer.Option("--run", help="First run what is missing of the sweeps needed.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
    sweeps_dir: Annotated[Path, typer.Option(help="Directory of the sweep files.", metavar="DIR")] = Path(
        "sweeps"
    ),
    jobs: Jobs = None,
    backend: Backend = LOCAL,
    form: Annotated[
        str | None,
        typer.Option(
            help="Form of ACKTR to judge by, tuned or paper; by default tuned, or what was run.",
            metavar="FORM",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory for tables and figures; with --json none are written without it.",
            metavar="DIR",
            show_default="reports/reproduce-TIER",
        ),
    ] = None,
    as_json: Json = False,
    as_list: Annotated[
        bool, typer.Option("--list", help="List tables, figures, searches and claims, and stop.")
    ] = False,
) -> None:
    """Hold the paper's tables, figures and claims against runs: measured, the paper's number, verdict.

    Of Appendix A's searches, whose outcome it does not tell, every setting's returns are shown.

    Exits with 1 only if a run failed; a contradicted claim is a result.
    """
    from analysis.paper.claims import UnknownClaim, select
    from analysis.paper.reproduction import TIERS
    from harness.spec import SpecError

    for option, value, known in (("--tier", tier, TIERS), ("--form", form, (None, *FORMS))):
        if value not in known:
            expected = ", ".join(name for name in known if name)
            raise SpecError(f"{option} {value}: expected one of {expected}")
    try:
        select(names or ())
    except UnknownClaim as error:
        raise SpecError(str(error)) from None
    if as_list:
        _print_list(names or (), as_json)
        return
    failed = _run_sweeps(names or (), tier, sweeps_dir, runs_dir, jobs, backend) if run else 0
    from analysis.paper.reproduction import reproduce as judge

    found = judge(runs_dir, names or (), tier, form)
    if out is None and not as_json:
        out = Path("reports") / f"reproduce-{tier}"
    _print(found, as_json)
    if out is not None:
        _write(found, out)
    if failed:
        raise typer.Exit(failed)


def _run_sweeps(
    names: Sequence[str], tier: str, sweeps_dir: Path, runs_dir: Path, jobs: int | None, backend: str
) -> int:
    """Run or submit every sweep needed, as ``harness sweep`` does; return its exit code if one failed.

    What it says goes to standard error. A signal (130) ends it at once.
    """
    from analysis.paper.claims import select
    from analysis.paper.reproduction import sweeps_of
    from harness.commands.sweep import sweep

    failed = 0
    for stem in sweeps_of(*select(names)):
        try:
            with contextlib.redirect_stdout(sys.stderr):
                typer.echo(f"sweep {stem}, tier {tier}")
                sweep(sweeps_dir / f"{stem}.yaml", jobs=jobs, backend=backend, runs_dir=runs_dir, tier=tier)
        except typer.Exit as ended:
            if ended.exit_code != 1:
                raise
            failed = 1
    return failed


def _print(found: Reproduction, as_json: bool) -> None:
    from analysis.paper.claims_table import claims_table

    table, searches = claims_table(found.verdicts), found.searches()
    if as_json:
        print_json(
            {
                "artefacts": list(found.artefacts),
                "claims": table.records(),
                "notes": list(table.notes),
                "searches": {name: search.records() for name, search in searches.items()},
            }
        )
    else:
        for shown in (*([table] if found.verdicts else []), *searches.values()):
            console().print(shown.to_rich())
        if not found.verdicts and not searches:
            typer.echo("no finished runs of two settings to compare")
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _write(found: Reproduction, out: Path) -> None:
    with writing("--out", out, "a directory"):
        paths = found.write(out)
    for path in paths:
        typer.echo(f"wrote {path}", err=True)


def _print_list(names: Sequence[str], as_json: bool) -> None:
    from analysis.paper.claims import artefacts, select

    claims, wanted = select(names)
    known = artefacts().artefacts
    if as_json:
        shown = {name: known[name].model_dump() for name in wanted}
        print_json(
            {"artefacts": shown, "claims": [claim.model_dump(exclude_defaults=True) for claim in claims]}
        )
        return
    rows = [[name, known[name].shows, ", ".join(known[name].sweeps)] for name in wanted]
    print_table(["table, figure or search", "shows", "sweeps"], rows)
    print_table(["claim", "says", "kind", "sweep"], [[c.id, c.says, c.kind, c.sweep] for c in claims])
