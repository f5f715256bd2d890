"""The code that decides a run's numbers: noted at submission, compared by the job before each run."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import algos
import harness
from algos.registry import ENTRY_POINT_GROUP as AGENTS
from harness.envs.names import ENTRY_POINT_GROUP as ENVIRONMENTS
from harness.provenance import digest_files, git_state, package_versions

_HARNESS = ("envs", "runner", "records.py", "spec.py", "provenance.py")


def code_now(agents: Iterable[str]) -> dict[str, Any]:
    """Commit, digest of agents, environments and runner, and package versions, as they are on disk now.

    Args:
        agents: names of the runs' agents; the packages are looked at too that offer one of these, or
            environments, through an entry point.
    """
    root = Path(harness.__file__).parent
    files = list(Path(algos.__file__).parent.rglob("*.py"))
    for name in _HARNESS:
        files += (root / name).rglob("*.py") if (root / name).is_dir() else [root / name]
    names = set(agents)
    offered = [point for point in entry_points(group=AGENTS) if point.name in names]
    for top in {point.module.partition(".")[0] for point in [*offered, *entry_points(group=ENVIRONMENTS)]}:
        files += _package_files(top)
    return {**git_state(root), "digest": digest_files(files), "packages": package_versions()}


def _package_files(name: str) -> list[Path]:
    """The Python files of a top-level package or module; it is not imported."""
    spec = find_spec(name)
    if spec is None:
        return []
    directories = spec.submodule_search_locations
    if directories is not None:
        return [file for directory in directories for file in Path(directory).rglob("*.py")]
    return [Path(spec.origin)] if spec.origin else []


def difference(then: dict[str, Any], now: dict[str, Any]) -> str | None:
    """What changed since the submission; ``None`` if nothing did."""
    parts = []
    if then["digest"] != now["digest"]:
        commits = (
            f" (commit {then['commit']} then, {now['commit']} now)" if then["commit"] != now["commit"] else ""
        )
        parts.append(f"other code{commits}")
    parts += [
        f"{name} {then['packages'].get(name)} (now {version})"
        for name, version in now["packages"].items()
        if then["packages"].get(name) != version
    ]
    return ", ".join(parts) or None
