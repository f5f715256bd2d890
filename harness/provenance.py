"""Where a result came from: code, packages, hardware. Recorded with every attempt of a run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "numpy",
    "gymnasium",
    "ale-py",
    "mujoco",
    "stable-baselines3",
    "sb3-contrib",
)


def provenance(agent_files: Iterable[Path]) -> dict[str, Any]:
    """Facts that a reader needs to judge or repeat a result.

    Args:
        agent_files: source files of the agent; their digest tells results of older code apart.
    """
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": package_versions(),
        "git": git_state(Path(__file__).resolve().parent),
        "agent_digest": digest_files(agent_files),
        "hostname": platform.node(),
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cpu_count": os.cpu_count(),
    }


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that decide a result's numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def code_difference(then: Mapping[str, Any], now: Mapping[str, Any], algo: str) -> str | None:
    """What of the code that decides a result differs: the agent's own, and packages by name; else ``None``.

    Args:
        then: provenance, of which ``agent_digest`` and ``packages`` are read.
        now: the same of today.
        algo: the agent's name, for the message.
    """
    parts = []
    if then.get("agent_digest") != now["agent_digest"]:
        parts.append(f"other code of {algo}")
    old = then.get("packages", {})
    parts += [
        f"{name} {old.get(name)} (now {version})"
        for name, version in now["packages"].items()
        if old.get(name) != version
    ]
    return ", ".join(parts) or None


def digest_files(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of ``files`` in sorted order (first 16 hex digits)."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def git_state(directory: Path) -> dict[str, str | None]:
    """Commit and, for a dirty work tree, a digest of the difference; ``None`` outside a repository.

    A repository that tracks nothing in ``directory`` is not the code's: it has been installed below it.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None or not _git(directory, "ls-files"):
        return {"commit": None, "dirty_digest": None}
    difference = _git(directory, "diff", "HEAD") or ""
    dirty = (
        hashlib.sha256(difference.encode(errors="surrogateescape")).hexdigest()[:16] if difference else None
    )
    return {"commit": commit.strip(), "dirty_digest": dirty}


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",  # a changed file may be in any encoding
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


@cache
def cpu_model() -> str:
    """The processor's name as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or "unknown"
    return platform.processor() or "unknown"
