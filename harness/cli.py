"""The ``harness`` command: parses, calls, prints; decides nothing.

A user's mistake is one line on standard error and exit code 2; anything unexpected keeps its traceback. The
subcommands import what they need when called, so that ``harness --help`` is quick and loads no torch.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from harness.commands.algos import algos
from harness.commands.bench import bench
from harness.commands.cancel import cancel
from harness.commands.doctor import doctor
from harness.commands.envs import envs
from harness.commands.evaluate import evaluate
from harness.commands.export_results import export_results
from harness.commands.import_results import import_results
from harness.commands.logs import logs
from harness.commands.report import report
from harness.commands.reproduce import reproduce
from harness.commands.retry import retry
from harness.commands.run import run
from harness.commands.status import status
from harness.commands.sweep import sweep
from harness.commands.verify_resume import verify_resume
from harness.commands.wandb import wandb

EXIT_USAGE = 2


class _OneLineErrors(TyperGroup):
    """Turns users' mistakes into one line and exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            place = context.command_path if context else "harness"
            message = error.format_message()  # empty where help was printed for want of a command
            code = _complain(f"{place}: {message}") if message else EXIT_USAGE
        except ValueError as error:
            if not isinstance(error, _user_errors()):
                raise
            code = _complain(f"harness: {error}")
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            code = _complain(f"harness: {error.filename or 'output'}: cannot be written ({error.strerror})")
        if standalone_mode:
            sys.exit(code)
        return code


def _complain(message: str) -> int:
    typer.echo(" ".join(message.split()), err=True)
    return EXIT_USAGE


def _user_errors() -> tuple[type[ValueError], ...]:
    from algos.presets import UnknownPreset
    from algos.registry import UnknownAgent
    from harness.envs.names import UnknownEnvironment
    from harness.records import RecordError
    from harness.spec import SpecError

    return (SpecError, RecordError, UnknownAgent, UnknownPreset, UnknownEnvironment)


app = typer.Typer(
    cls=_OneLineErrors,
    name="harness",
    help="Benchmark harness and experiment orchestrator for on-policy deep RL.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
for _command in (
    sweep,
    run,
    status,
    cancel,
    retry,
    evaluate,
    report,
    reproduce,
    algos,
    envs,
    logs,
    doctor,
    verify_resume,
):
    app.command()(_command)
app.command(name="import")(import_results)
app.command(name="export")(export_results)
app.add_typer(bench, name="bench")
app.add_typer(wandb, name="wandb")


def main() -> None:
    """Entry point of the ``harness`` command."""
    app()


if __name__ == "__main__":
    main()
