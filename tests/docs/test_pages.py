"""What is generated is up to date, and every link of a page leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("algos/**/*.md")})
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def text_of(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them; a heading that comes again has a number."""
    names: list[str] = []
    for heading in HEADING.findall(text_of(page)):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.append(f"{name}-{names.count(name)}" if name in names else name)
    return set(names)


def make(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.docs", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_generated_pages_are_what_the_code_says() -> None:
    checked = make(ROOT, "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_page_that_drifts_is_noticed_and_made_anew(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "scripts" / "docs", tmp_path / "scripts" / "docs")
    reference, paper = tmp_path / "docs" / "reference.md", tmp_path / "docs" / "paper.md"
    reference.write_text(reference.read_text().replace("`--dry-run`", "`--dry`"))
    paper.write_text(paper.read_text().replace("| `0.5`<br>2.1", "| `0.7`<br>2.1"))
    noticed = make(tmp_path, "--check")
    assert noticed.returncode == 1
    assert "reference.md" in noticed.stdout
    assert "paper.md" in noticed.stdout
    make(tmp_path)
    for page in (reference, paper):
        assert page.read_text() == (ROOT / "docs" / page.name).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), target
        if anchor:
            assert anchor in anchors(aim), target


def test_every_page_is_reached_from_the_readme_or_the_tutorial() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            targets = [target for target in LINK.findall(text_of(page)) if "://" not in target]
            ahead += [(page.parent / target.partition("#")[0]).resolve() for target in targets]
    assert set(ROOT.glob("docs/*.md")) <= reached
