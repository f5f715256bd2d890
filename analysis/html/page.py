"""The page: a report, further tables, and every run, in one HTML file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from analysis.formats import EMPTY, count_text, level_text, returns_text, short_env_id, timesteps_text
from analysis.html.curves import SIZE, Frame, svg_path
from analysis.html.figures import inline_svg
from analysis.html.provenance import provenance_table
from analysis.html.redaction import redact_text
from analysis.html.runs import RunDetails, clean_text, read_details, time_text
from analysis.load import Run, Setting
from analysis.reference import Reference
from analysis.report import Report, figure_title
from analysis.run_statistics import LAST_WINDOW, last_score, learning_curve
from analysis.statistics.curves import Band, Curve
from analysis.tables import Column, Entry, Table

MAX_DETAILED = 600
"""Runs that can be looked into; of a larger sweep those that are not done come first."""
OPEN_WARNINGS = 12
"""Warnings up to which their list is open from the start."""


@dataclass(frozen=True)
class RunView:
    """One run as the template needs it; ``details`` is None where there are too many to look into."""

    anchor: str
    setting: Setting
    run: Run
    env: str
    spark: str
    path: str
    frame: Frame | None
    level: float | None
    details: RunDetails | None


def html_report(
    report: Report,
    *,
    extra_sections: Mapping[str, Table] | None = None,
    band: Band = "range",
    max_detailed: int = MAX_DETAILED,
) -> str:
    """Make the page.

    It is whole in itself: styles, script, figures (SVG) and the runs' details are in it, and its content
    security policy forbids it to fetch anything or to run any other script. The same run directories give
    the same page. Values under keys that are named like a secret are hidden (:mod:`analysis.html.redaction`).

    Args:
        report: what to show; its run directories are read again for the details.
        extra_sections: further tables by anchor, shown after the figures.
        band: what the shaded band of the curves shows.
        max_detailed: runs that can be looked into.

    Returns:
        An HTML document.
    """
    views = _run_views(report, max_detailed)
    found = [view.details for view in views if view.details is not None]
    figures = [
        (f"figure-{number}", figure_title(name), inline_svg(figure, f"figure-{number}", figure_title(name)))
        for number, (name, figure) in enumerate(report.figures(band).items(), start=1)
    ]
    origin = provenance_table(details.provenance for details in found)
    script = _resource("report.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=" + ".join(dict.fromkeys(setting.sweep for setting in report.settings)),
            tiles=_tiles(report.settings, found),
            warnings=[clean_text(warning) for warning in report.warnings],
            open_warnings=OPEN_WARNINGS,
            results=report.table,
            figures=figures,
            extras=_anchored("extra", extra_sections or {}),
            sections=_anchored("section", report.sections),
            provenance=origin if origin.rows else None,
            views=views,
            groups=[
                (env, list(members))
                for env, members in groupby(
                    [v for v in views if v.details is not None], lambda view: view.env
                )
            ],
            left_out=len(views) - len(found),
            run_table=_run_table(views),
            style=Markup(_resource("report.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        redact=redact_text, returns=returns_text, level=level_text, timesteps=timesteps_text
    )
    environment.globals.update(size=SIZE, window=LAST_WINDOW)
    return environment


def _resource(name: str) -> str:
    return (files("analysis.html") / "templates" / name).read_text(encoding="utf-8")


def _anchored(prefix: str, tables: Mapping[str, Table]) -> list[tuple[str, Table]]:
    """Ids that are unique whatever the names are: a section's name may hold an agent's label."""
    return [(f"{prefix}-{number}", table) for number, table in enumerate(tables.values(), start=1)]


def _run_views(report: Report, max_detailed: int) -> list[RunView]:
    pairs = [(setting, run) for setting in report.settings for run in setting.runs]
    by_need = sorted(range(len(pairs)), key=lambda index: pairs[index][1].done)  # stable: not done first
    detailed = set(by_need[:max_detailed])
    curves = [learning_curve(run) if run.usable else None for _, run in pairs]
    shared = _frames(pairs, curves)
    return [
        _run_view(
            f"run-{index + 1}",
            setting,
            run,
            curves[index],
            shared,
            report.reference_of(setting.env_id),
            read_details(run) if index in detailed else None,
        )
        for index, (setting, run) in enumerate(pairs)
    ]


def _frames(pairs: Sequence[tuple[Setting, Run]], curves: Sequence[Curve | None]) -> dict[str, Frame]:
    """One frame per environment, so that the small curves of its runs compare."""
    bounds: dict[str, list[float]] = {}
    for (setting, run), curve in zip(pairs, curves, strict=True):
        if curve is None or not len(curve.returns):
            continue
        here = [float(run.n_timesteps), float(curve.returns.min()), float(curve.returns.max())]
        right, low, high = bounds.setdefault(setting.env_id, here)
        bounds[setting.env_id] = [max(right, here[0]), min(low, here[1]), max(high, here[2])]
    return {env_id: Frame(*values) for env_id, values in bounds.items()}


def _run_view(
    anchor: str,
    setting: Setting,
    run: Run,
    curve: Curve | None,
    shared: Mapping[str, Frame],
    reference: Reference | None,
    details: RunDetails | None,
) -> RunView:
    spark = path = ""
    frame = level = None
    if curve is not None and len(curve.returns):
        spark = svg_path(curve, shared[setting.env_id])
        right = max(float(run.n_timesteps), float(curve.timesteps[-1]))
        frame = Frame(right, float(curve.returns.min()), float(curve.returns.max()))
        path = svg_path(curve, frame)
        if reference is not None and frame.low <= reference.value <= frame.high:
            level = reference.value
    env = short_env_id(setting.env_id)
    return RunView(anchor, setting, run, env, spark, path, frame, level, details)


def _run_table(views: Sequence[RunView]) -> Table:
    rows = []
    for view in views:
        run, score = view.run, last_score(view.run) if view.run.usable else None
        state = f"{run.state}, left out" if run.left_out else run.state
        rate = run.steps_per_second
        rows.append(
            (
                Entry(view.env, {"env_id": view.setting.env_id}),
                Entry(view.setting.name, {"agent": view.setting.name}),
                Entry(str(run.seed), {"seed": run.seed}),
                Entry(state, {"state": state}),
                Entry(timesteps_text(run.timesteps), {"timesteps": run.timesteps}),
                Entry(count_text(len(run.episodes)), {"episodes": len(run.episodes)}),
                Entry(EMPTY if score is None else returns_text(score), {"last_mean": score}),
                Entry(EMPTY if rate is None else count_text(rate), {"steps_per_second": rate}),
            )
        )
    columns = (
        Column("Environment", "left"),
        Column("Agent", "left"),
        Column("Seed"),
        Column("State", "left"),
        Column("Timesteps"),
        Column("Episodes"),
        Column(f"Last {LAST_WINDOW}"),
        Column("Steps/s"),
    )
    return Table("Runs", columns, tuple(rows))


def _tiles(settings: Sequence[Setting], found: Sequence[RunDetails]) -> list[tuple[str, str]]:
    """What a reader wants to know first: how much there is, and of which code."""
    runs = [run for setting in settings for run in setting.runs]
    tiles = [
        ("runs done", f"{sum(run.done for run in runs)} of {len(runs)}"),
        ("environments", str(len({setting.env_id for setting in settings}))),
        ("agents", str(len({setting.name for setting in settings}))),
        ("seeds", str(len({run.seed for run in runs}))),
        ("timesteps trained", timesteps_text(sum(run.timesteps for run in runs))),
    ]
    commits = {_commit(details.provenance) for details in found} - {""}
    if commits:
        tiles.append(("code", sorted(commits)[0] if len(commits) == 1 else f"{len(commits)} commits"))
    beats = [details.heartbeat for details in found if details.heartbeat is not None]
    if beats:
        tiles.append(("last activity", time_text(max(beats))))
    return tiles


def _commit(provenance: Mapping[str, Any]) -> str:
    git = provenance.get("git")
    if not isinstance(git, Mapping) or not git.get("commit"):
        return ""
    return f"{str(git['commit'])[:7]}{', changed' if git.get('dirty_digest') else ''}"
