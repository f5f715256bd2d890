"""A sweep's comparison as a W&B report: built from the run directories alone, saved only with a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces import expr

from harness.records import RunRecord
from harness.tracking.points import STEP
from harness.tracking.settings import WandbBlock

RETURN = "rollout/ep_rew_mean"
"""Mean return of the last 100 training episodes; at a run's end, its final score."""

_PLOT, _HALF = wr.Layout(w=24, h=10), 12


@dataclass(frozen=True)
class _Cell:
    """What a sweep holds of one environment: hyper-parameters by label and setting."""

    env_id: str
    labels: tuple[str, ...]
    varied: tuple[str, ...]


def build_report(
    sweep: str, records: Sequence[RunRecord], settings: WandbBlock, table: str | None = None
) -> wr.Report:
    """The report of one sweep: by environment its learning curves, final scores and hyper-parameters.

    Run sets hold one agent (label) each, with its settings as groups of seeds. No server is asked anything.

    Args:
        sweep: its name, as in the runs' config.
        records: its runs.
        settings: the project, and the entity, that the runs were sent to.
        table: Markdown to stand in front, e.g. verdicts on claims.

    Raises:
        harness.records.RecordError: a ``run.json`` is damaged.
    """
    blocks: list[Any] = [wr.TableOfContents()]
    if table is not None:
        blocks += [wr.H2("Results"), wr.MarkdownBlock(table)]
    blocks.append(wr.H2("Learning curves and final scores"))
    cells = _cells(record.spec for record in records)
    for cell in cells:
        blocks += [
            wr.H3(cell.env_id),
            wr.PanelGrid(runsets=_run_sets(sweep, cell), panels=_score_panels(cell.env_id)),
        ]
    blocks.append(wr.H2("Hyper-parameters"))
    for cell in cells:
        blocks += [
            wr.H3(f"{cell.env_id}: hyper-parameters"),
            wr.PanelGrid(runsets=_run_sets(sweep, cell), panels=_hyperparameter_panels(cell.varied)),
        ]
    return wr.Report(
        project=settings.project,
        entity=settings.entity or "",
        title=f"Sweep {sweep}"[:128],
        description=f"Comparison of the agents of sweep {sweep}, made from its run directories.",
        blocks=blocks,
        width="fluid",
    )


def report_json(report: wr.Report) -> dict[str, Any]:
    """The report as W&B's server would store it."""
    content: dict[str, Any] = json.loads(report._to_model().model_dump_json(by_alias=True, exclude_none=True))
    return content


def save_report(report: wr.Report) -> str:
    """Save the report in its project; return its address.

    Raises:
        Exception: the client's, where W&B cannot be reached or refuses.
    """
    import wandb

    if not report.entity:
        report.entity = wandb.Api().default_entity
    report.save()
    return str(report.url)


def _cells(specs: Iterable[dict[str, Any]]) -> list[_Cell]:
    by_env: dict[str, list[dict[str, Any]]] = {}
    for spec in specs:
        by_env.setdefault(spec["env_id"], []).append(spec)
    return [
        _Cell(env_id, tuple(sorted({spec["label"] for spec in found})), _varied(found))
        for env_id, found in sorted(by_env.items())
    ]


def _varied(specs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Hyper-parameters, as paths in the config, of which one label has several values."""
    values: dict[tuple[str, str], set[str]] = {}
    for spec in specs:
        for name, value in _flat(spec.get("hyperparameters", {}), "hyperparameters"):
            values.setdefault((spec["label"], name), set()).add(json.dumps(value, sort_keys=True))
    return tuple(sorted({name for (_, name), found in values.items() if len(found) > 1}))


def _flat(values: dict[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from _flat(value, name)
        else:
            yield name, value


def _run_sets(sweep: str, cell: _Cell) -> list[wr.Runset]:
    return [
        wr.Runset(
            name=label,
            filters=expr.And(
                expr.Config("sweep_name") == sweep,
                expr.Config("env_id") == cell.env_id,
                expr.Config("label") == label,
            ),
            groupby=["config.label", "config.identity"],
        )
        for label in cell.labels
    ]


def _score_panels(env_id: str) -> list[Any]:
    return [
        wr.LinePlot(
            title=f"{env_id}: return of training episodes",
            x=STEP,
            y=[RETURN],
            title_x="timesteps",
            title_y="mean of the last 100 returns",
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            smoothing_type="none",
            layout=_PLOT,
        ),
        wr.BarPlot(
            title=f"{env_id}: final score",
            metrics=[wr.SummaryMetric(RETURN)],
            title_x="mean of the last 100 returns",
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            layout=wr.Layout(y=_PLOT.h, w=_HALF, h=8),
        ),
        wr.LinePlot(
            title=f"{env_id}: timesteps/s",
            x=STEP,
            y=["time/fps"],
            groupby_aggfunc="mean",
            layout=wr.Layout(x=_HALF, y=_PLOT.h, w=_HALF, h=8),
        ),
    ]


def _hyperparameter_panels(varied: Sequence[str]) -> list[Any]:
    panels: list[Any] = [wr.RunComparer(diff_only="split", layout=_PLOT)]
    if varied:
        columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(name)) for name in varied]
        columns.append(wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(RETURN)))
        panels.append(wr.ParallelCoordinatesPlot(columns=columns, layout=wr.Layout(y=_PLOT.h, w=24, h=10)))
    return panels
