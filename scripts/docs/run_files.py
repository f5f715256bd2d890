"""The files of a run directory, and exit codes."""

from __future__ import annotations

import inspect
import re
import textwrap

from analysis.episodes_cache import CACHE_NAME
from harness import looks, records
from harness.cli import EXIT_USAGE
from harness.runner.exit_codes import ExitCode
from harness.sweep import training
from harness.sweep.supervisor import EXIT_STOPPED
from scripts.docs.docstrings import meanings
from scripts.docs.markdown import code, from_docstring, table
from scripts.docs.schema import phrase

_ROW = re.compile(r"^(\d+)\s{2,}([A-Z_]+)\s{2,}(.+)$", flags=re.MULTILINE)
_MARKUP = re.compile(r"(?::mod:)?`+([^`]+)`+")
_EPISODE = {"episode": "its number in the run, from 1"}
_RENAMED = {"return": "episode_return"}
_STATES = {
    "pending": "recorded, not begun",
    "running": "a worker is at it, and renews `heartbeat`",
    "done": "trained to its budget",
    "failed": "ended by an error, which is in `error` and `log.txt`",
    "preempted": "told to stop; it goes on from its checkpoint",
}


def run_directory() -> str:
    """The layout from the door to the files, the columns of ``episodes.csv``, and the states."""
    layout = _MARKUP.sub(
        r"\1", textwrap.dedent((records.__doc__ or "").split("::\n\n")[1].split("\n\nEverything")[0])
    )
    said = meanings(records.EpisodeLog.append, "Args") | _EPISODE
    columns = [[code(name), phrase(said[_RENAMED.get(name, name)])] for name in records.EPISODE_COLUMNS]
    states = [[code(state), _STATES[state]] for state in records.STATES]
    beside = [
        [
            code(".slurm/"),
            "submissions to a cluster, and its jobs' output ([slurm](slurm.md#where-things-lie))",
        ],
        [code(training.FILE), "how it was trained and tracked last, for `harness retry`"],
        [code(looks.FILE), "what was compared and when, of seeds that are run `until: decided`"],
        [code(CACHE_NAME), "the episodes of a large sweep, for faster reports; it can be deleted"],
    ]
    return "\n\n".join(
        [
            "## Run directory",
            f"```\n{layout}\n```",
            "Columns of `episodes.csv`:",
            table(["column", "meaning"], columns),
            "`state` in `status.json`:",
            table(["state", "meaning"], states),
            "Beside the runs, in `runs/<sweep>/`:",
            table(["file", "what"], beside),
        ]
    )


def exit_codes() -> str:
    """Those of the commands, and those of a worker."""
    commands = [
        ["0", "what was asked for is done"],
        [
            "1",
            "something that was asked for failed: a run, a check, an upload, the end of a cancelled job",
        ],
        [str(EXIT_USAGE), "a mistake in what was asked for: one line on standard error says which"],
        [str(EXIT_STOPPED), "stopped by a signal; the runs under way wrote checkpoints"],
    ]
    found = {int(number): (name, text) for number, name, text in _ROW.findall(inspect.getdoc(ExitCode) or "")}
    if set(found) != set(ExitCode):
        raise ValueError(f"the docstring of {ExitCode.__name__} has other codes than the class")
    workers = [[str(number), code(name), from_docstring(text, {})] for number, (name, text) in found.items()]
    return "\n\n".join(
        [
            "## Exit codes",
            "Of every command (`harness reproduce` exits with 0 whatever its verdicts are):",
            table(["code", "meaning"], commands),
            "Of a worker, the process that does one run; [resume](resume.md#exit-codes-of-a-worker) says "
            "what to do:",
            table(["code", "name", "meaning"], workers),
        ]
    )
