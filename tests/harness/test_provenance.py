"""Provenance: digests that change with the code, and git's state where there is git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from harness.provenance import PACKAGES, digest_files, git_state, provenance


def test_the_digest_follows_content_and_not_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("x = 1")
    second.write_text("y = 2")
    before = digest_files([first, second])
    assert digest_files([second, first]) == before
    first.write_text("x = 2")
    assert digest_files([first, second]) != before


def test_git_state_tells_a_dirty_tree(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert git_state(tmp_path) == {"commit": None, "dirty_digest": None}
    git_state.cache_clear()
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    clean = git_state(tmp_path)
    assert len(clean["commit"] or "") == 40
    assert clean["dirty_digest"] is None
    git_state.cache_clear()
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path)["dirty_digest"] is not None
    git_state.cache_clear()
    (tmp_path / "file").write_bytes("café".encode("latin-1"))
    assert git_state(tmp_path)["dirty_digest"] is not None
    installed = tmp_path / ".venv" / "harness"
    installed.mkdir(parents=True)
    (installed / "code.py").write_text("")
    assert git_state(installed) == {"commit": None, "dirty_digest": None}
    git_state.cache_clear()


def test_it_is_plain_json_with_every_package() -> None:
    facts = json.loads(json.dumps(provenance([Path(__file__)])))
    assert set(facts["packages"]) == set(PACKAGES)
    assert facts["cpu_count"] >= 1
