"""From sweeps on disk to verdicts, tables and figures: what ``harness reproduce`` prints and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import save_figure
from analysis.files import write_file
from analysis.load import Setting, SweepError, load_sweeps, sweep_directory
from analysis.paper.claims import all_claims, artefacts, select
from analysis.paper.claims_table import claims_table, paper_table_beside
from analysis.paper.evidence import findings
from analysis.paper.figures import FIGURES, draw, modern
from analysis.paper.schema import Claim
from analysis.paper.searches import SEARCHES, search_figure, search_grids, search_table
from analysis.paper.verdicts import Verdict, judge
from analysis.tables import Table

FULL = "paper"
TIERS = (FULL, "short", "smoke")


@dataclass(frozen=True)
class Reproduction:
    """The paper, or a part of it, against the runs of one tier.

    Attributes:
        artefacts: ids of the tables, figures and searches asked for.
        verdicts: on every claim asked for, by the form asked for or else the first that was run.
        every_form: the same by each form of ACKTR that a sweep has.
        settings: stem of a sweep file -> its settings; a sweep without runs is not in it.
        warnings: one line each for what could not be read.
    """

    artefacts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    every_form: tuple[Verdict, ...]
    settings: dict[str, tuple[Setting, ...]]
    warnings: tuple[str, ...]

    def searches(self) -> dict[str, Table]:
        """A table by file name for every grid of the searches asked for that has two finished settings."""
        return {
            f"{name}{suffix}": search_table(name, grid, self._runs_of(name))
            for name in self.artefacts
            if name in SEARCHES
            for suffix, grid in search_grids(self._runs_of(name)).items()
        }

    def write(self, directory: Path) -> list[Path]:
        """Write ``claims``, each table and each search as CSV and Markdown, figures and maps as PNG and SVG.

        A figure is drawn where at least one of its sweeps has runs, and beside it what one would draw today;
        ``figures.md`` shows them with their captions.

        Returns:
            The paths written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        tables = {"claims": claims_table(self.verdicts)} if self.verdicts else {}
        for name in self.artefacts:
            table = paper_table_beside(name, self.every_form) if name.startswith("table") else None
            if table is not None:
                tables[name] = table
        tables |= self.searches()
        paths = []
        for name, table in tables.items():
            text = f"# {table.title}\n\n{table.to_markdown()}"
            for suffix, content in ((".csv", table.to_csv()), (".md", text)):
                paths.append(directory / f"{name}{suffix}")
                write_file(paths[-1], content)
        captioned = []
        for name in self.artefacts:
            figures = self._figures(name)
            for stem, figure in figures.items():
                paths += save_figure(figure, directory / stem)
            if figures:
                captioned += [_caption(name), *(f"![{stem}]({stem}.png)" for stem in figures)]
        if captioned:
            paths.append(directory / "figures.md")
            write_file(paths[-1], "\n\n".join(["# Figures", *captioned]) + "\n")
        return paths

    def _figures(self, name: str) -> dict[str, Figure]:
        settings = self._runs_of(name)
        if name in SEARCHES:
            grids = search_grids(settings).items()
            return {f"{name}{suffix}": search_figure(name, grid, settings) for suffix, grid in grids}
        if name not in FIGURES or not settings:
            return {}
        today = {f"{name}-{which}": figure for which, figure in modern(name, settings).items()}
        return {name: draw(name, settings), **today}

    def _runs_of(self, name: str) -> list[Setting]:
        return [s for stem in sweeps_of(artefact_ids=(name,)) for s in self.settings.get(stem, ())]


def _caption(name: str) -> str:
    if name in SEARCHES:
        search = SEARCHES[name]
        return f"## {search.place}: {search.title}\n\n{search.about}"
    figure = FIGURES[name]
    return f"## {figure.label}: {figure.title}\n\n{figure.caption}"


def sweeps_of(claims: Sequence[Claim] = (), artefact_ids: Sequence[str] = ()) -> tuple[str, ...]:
    """Stems of the sweep files that make the runs of these claims and artefacts, each once."""
    stems = [stem for claim in claims for stem in (claim.sweep, *claim.beside)]
    stems += [stem for name in artefact_ids for stem in artefacts().artefacts[name].sweeps]
    return tuple(dict.fromkeys(stems))


def sweep_name(stem: str, tier: str) -> str:
    """Name of the sweep of a file at a tier: the file's own at the paper's budget."""
    return stem if tier == FULL else f"{stem}-{tier}"


def reproduce(
    runs_dir: Path, names: Sequence[str] = (), tier: str = FULL, form: str | None = None
) -> Reproduction:
    """Judge claims by the runs in ``runs_dir``.

    Args:
        runs_dir: the directory that holds one directory per sweep.
        names: tables, figures, searches and claims; all of them without a name.
        tier: of the sweeps to look at.
        form: the form of ACKTR to judge by, ``tuned`` or ``paper``, where a sweep has it.

    Raises:
        analysis.paper.claims.UnknownClaim: a name is none of these.
    """
    claims, wanted = select(names)
    sources: dict[str, tuple[Setting, ...]] = {}
    warnings: list[str] = []
    for stem in sweeps_of(claims, wanted):
        name = sweep_name(stem, tier)
        if not (runs_dir / name).is_dir():
            continue
        try:
            loaded = load_sweeps(runs_dir, [name])
        except SweepError as error:
            warnings.append(str(error))
            continue
        sources[stem] = loaded.settings
        warnings += loaded.unreadable
    catalogue = artefacts()

    def verdict(claim: Claim, chosen: str | None) -> Verdict:
        return judge(claim, findings(claim, sources, catalogue, chosen))

    return Reproduction(
        artefacts=wanted,
        verdicts=tuple(verdict(claim, form) for claim in claims),
        every_form=tuple(verdict(c, name) for c in claims for name in catalogue.forms[c.sweep]),
        settings=sources,
        warnings=tuple(warnings),
    )


def claims_on(runs_dir: Path, sweeps: Sequence[str]) -> Table | None:
    """Verdicts on the claims that sweeps of the paper's experiments speak about; None for other sweeps.

    Args:
        runs_dir: the directory that holds the sweeps.
        sweeps: their names, tiers included (``mujoco8``, ``mujoco8-short``), or paths of their directories.

    Raises:
        SweepError: there is no such sweep.
    """
    verdicts: list[Verdict] = []
    directories = [sweep_directory(runs_dir, sweep) for sweep in sweeps]
    names = {one.name for one in directories if one.parent.resolve() == runs_dir.resolve()}
    for tier in TIERS:
        ids = [claim.id for claim in all_claims() if sweep_name(claim.sweep, tier) in names]
        found = reproduce(runs_dir, ids, tier).verdicts if ids else ()
        verdicts += [verdict for verdict in found if verdict.outcome != "not run"]
    return claims_table(verdicts) if verdicts else None
