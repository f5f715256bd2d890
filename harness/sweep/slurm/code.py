"""The code that decides a run's numbers: noted at submission, compared by the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import algos
import harness
from harness.provenance import digest_files, git_state, package_versions

_HARNESS = ("envs", "runner", "records.py", "spec.py", "provenance.py")


def code_now() -> dict[str, Any]:
    """Commit, digest of agents, environments and runner, and package versions, as they are on disk now."""
    root = Path(harness.__file__).parent
    files = list(Path(algos.__file__).parent.rglob("*.py"))
    for name in _HARNESS:
        files += (root / name).rglob("*.py") if (root / name).is_dir() else [root / name]
    return {**git_state(root), "digest": digest_files(files), "packages": package_versions()}


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
