"""A run's tracker: ``python -m harness.tracking RUN_DIR SETTINGS``, beside the worker that trains it.

It only reads the run directory, so nothing that W&B does, or does not do, reaches training: a process of its
own that can be slow, hang or crash, and be killed and started again, at no loss. Its last line on standard
error says why it failed.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from harness.records import RunRecord
from harness.tracking.exit_codes import DONE, FAILED, HOPELESS
from harness.tracking.settings import WandbBlock

NICENESS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Follow a run to its end; return ``DONE``, ``FAILED`` or ``HOPELESS``."""
    directory, settings = sys.argv[1:] if arguments is None else arguments
    record, block = RunRecord(Path(directory)), WandbBlock.model_validate_json(settings)
    # Its life is bound to the supervisor's, and its work to the record's end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    try:
        from harness.tracking.follow import follow
    except ImportError as error:
        return _say(HOPELESS, f"{error}; expected this package's extra 'wandb'")
    from wandb.errors import UsageError

    try:
        follow(record, block)
    except UsageError as error:
        return _say(HOPELESS, str(error))
    except Exception as error:
        traceback.print_exc()
        return _say(FAILED, f"{type(error).__name__}: {error}")
    return DONE


def _say(code: int, line: str) -> int:
    print(" ".join(line.split()), file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    # The client's own threads and exit handlers may wait for a server that never answers.
    code = main()
    sys.stderr.flush()
    os._exit(code)
