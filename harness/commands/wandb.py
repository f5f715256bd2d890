"""``harness wandb``: runs and comparisons shown in Weights & Biases, from run directories."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.output import RUNS_DIR, Json, RunsDir, counted, print_json

if TYPE_CHECKING:
    from harness.records import RunRecord
    from harness.tracking.settings import WandbBlock

Project = Annotated[
    str | None,
    typer.Option(help="W&B project.", show_default="where the runs were sent before, else acktr-harness"),
]
Entity = Annotated[
    str | None,
    typer.Option(
        help="Its user or team; default: as the project's, else the one of the API key.", metavar="NAME"
    ),
]

wandb = typer.Typer(
    help="Show runs and comparisons in Weights & Biases, from their directories alone.",
    no_args_is_help=True,
)


@wandb.command()
def push(
    names: Annotated[list[str], typer.Argument(help="Sweeps, or run directories.", metavar="SWEEP|RUN...")],
    project: Project = None,
    entity: Entity = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Tag of the runs; may be repeated.", metavar="TAG")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Write files for `wandb sync` into the run directories.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Send what W&B lacks of finished, interrupted or offline runs; a second push sends nothing."""
    settings = _settings(project, entity, "offline" if offline else "online", tags or [])
    found = [record for name in names for record in _records(name, runs_dir)]
    _need("wandb")
    from harness.records import RecordError
    from harness.runner.lock import Locked
    from harness.tracking.push import push as push_run
    from harness.tracking.sent import place_of
    from harness.tracking.upload import tracker_directory

    rows: list[dict[str, Any]] = []
    n_pending = 0
    for record in found:
        row: dict[str, Any] = {"directory": str(record.directory), "error": None}
        try:
            if record.status()["state"] == "pending":
                n_pending += 1
                continue
            before = place_of(tracker_directory(record))
            row |= asdict(push_run(record, _sent_before(settings, before)))
        except (Locked, RecordError) as error:
            row["error"] = str(error)
        except Exception as error:  # whatever the client raises
            row["error"] = " ".join(f"{type(error).__name__}: {error}".split())
        rows.append(row)
        if not as_json:
            typer.echo(_line(row), err=bool(row["error"]))
    if as_json:
        print_json({"runs": rows, "pending": n_pending})
    elif n_pending:
        typer.echo(f"left out: {counted(n_pending, 'run')} not begun yet")
    if any(row["error"] for row in rows):
        raise typer.Exit(1)


@wandb.command()
def report(
    sweep: Annotated[str, typer.Argument(help="Name of a sweep.", metavar="SWEEP")],
    project: Project = None,
    entity: Entity = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="Markdown to stand in front; by default the verdicts on the claims of the paper.",
            metavar="FILE",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the report as JSON; ask no server.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Make a comparison report in W&B: learning curves, final scores, hyper-parameters."""
    from harness.spec import SpecError

    settings = _settings(project, entity, "online", [])
    records = _records(sweep, runs_dir)
    for record in records:
        record.content()
    settings = _sent_before(settings, _common_place(sweep, records, settings))
    try:
        text = table.read_text(encoding="utf-8") if table is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"--table {table}: cannot be read ({error}); expected a Markdown file") from None
    if table is None:
        from analysis.paper.reproduction import claims_on

        claims = claims_on(runs_dir, [sweep])
        text = claims.to_markdown() if claims is not None else None
    _need("wandb_workspaces")
    from harness.tracking.report import build_report, report_json, save_report

    content = build_report(records[0].content().get("sweep") or Path(sweep).name, records, settings, text)
    if dry_run:
        print_json(report_json(content))
        return
    try:
        address = save_report(content)
    except Exception as error:  # whatever the client raises
        typer.echo(" ".join(f"harness wandb report: {type(error).__name__}: {error}".split()), err=True)
        raise typer.Exit(1) from None
    typer.echo(address)


def _line(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"failed: {row['directory']}: {row['error']}"
    left = f"; {row['superseded']} held other points" if row["superseded"] else ""
    return (
        f"{row['run_id']}  {counted(row['sent'], 'point')} sent, {row['there']:,} there before"
        f"{left}  {row['directory']}"
    )


def _settings(project: str | None, entity: str | None, mode: str, tags: list[str]) -> WandbBlock:
    from pydantic import ValidationError

    from harness.spec import SpecError
    from harness.tracking.settings import WandbBlock

    given = {"mode": mode, "project": project, "entity": entity, "tags": tags}
    try:
        return WandbBlock.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        option = "tag" if problem["loc"][0] == "tags" else problem["loc"][0]
        raise SpecError(
            f"--{option} {problem['input']!r}: expected a name of at most 128 characters (64 of a tag) "
            "without spaces and / \\ # ? % :"
        ) from None


def _sent_before(settings: WandbBlock, place: tuple[str | None, str] | None) -> WandbBlock:
    """``settings``, at ``place`` unless an option names another project."""
    if place is None or "project" in settings.model_fields_set:
        return settings
    entity, project = place
    options = {name: getattr(settings, name) for name in settings.model_fields_set}
    return settings.model_validate({"entity": entity, "project": project, **options})


def _common_place(
    sweep: str, records: list[RunRecord], settings: WandbBlock
) -> tuple[str | None, str] | None:
    """Where the runs were sent; ``None`` where that was nowhere, or an option says where.

    Raises:
        SpecError: to several places.
    """
    from harness.spec import SpecError
    from harness.tracking.sent import place_of
    from harness.tracking.upload import tracker_directory

    if "project" in settings.model_fields_set:
        return None
    places = {place for record in records if (place := place_of(tracker_directory(record)))}
    if len(places) > 1:
        names = ", ".join(sorted("/".join(filter(None, place)) for place in places))
        raise SpecError(f"{sweep}: its runs were sent to {names}; expected --project, and --entity")
    return next(iter(places), None)


def _records(name: str, runs_dir: Path) -> list[RunRecord]:
    """The run at ``name``, or all of a sweep: its directory, or its name."""
    from harness.records import find_runs
    from harness.spec import SpecError

    for directory in (Path(name), runs_dir / name):
        records = find_runs(directory) if directory.is_dir() else []
        if records:
            return records
    raise SpecError(f"{name}: no runs there, nor in {runs_dir / name}; expected a run directory or a sweep")


def _need(package: str) -> None:
    import importlib.util

    from harness.spec import SpecError

    if importlib.util.find_spec(package) is None:
        raise SpecError(f"{package} is not installed; expected this package's extra 'wandb'")
