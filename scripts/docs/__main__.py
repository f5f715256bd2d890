"""Write docs/reference.md and the generated tables of docs/paper.md; ``--check`` only compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.docs.paper import fill
from scripts.docs.reference import reference

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND = ".venv/bin/python -m scripts.docs"


def main() -> int:
    """Return 1 if ``--check`` finds a page that differs from what is made now."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    check = parser.parse_args().check
    paper = DOCS / "paper.md"
    made = {DOCS / "reference.md": reference(), paper: fill(paper.read_text(encoding="utf-8"))}
    old = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in old:
        if check:
            print(f"docs/{path.name} is not what the code says now; run {COMMAND}")
        else:
            path.write_text(made[path], encoding="utf-8")
            print(f"wrote docs/{path.name}")
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main())
