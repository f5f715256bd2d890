"""A command of a page is executed: ``harness`` in this process, which spares its start, others beside it."""

from __future__ import annotations

import glob
import shlex
import subprocess

from typer.testing import CliRunner

from harness.cli import app
from tests.docs.blocks import Command, check_shown, commands_here
from tests.docs.small import small


def execute(command: Command) -> None:
    """Run a page's command in the working directory, as small as its options make it, and compare.

    Of what the page shows below it, lines with a number are a machine's, and are not compared.
    """
    line = small(command.line)
    program, *words = [found for word in shlex.split(line) for found in sorted(glob.glob(word)) or [word]]
    if program == "harness":
        done = CliRunner().invoke(app, words)
        code, printed = done.exit_code, done.output
    else:
        ran = subprocess.run(
            [program, *words], env=commands_here(), capture_output=True, text=True, check=False
        )
        code, printed = ran.returncode, ran.stdout + ran.stderr
    assert code == 0, f"{line}\n{printed}"
    words_alone = [text for text in command.shown if any(map(str.isalpha, text))]
    shown = [text for text in words_alone if not any(map(str.isdigit, text))]
    check_shown(Command(line, shown), printed)
