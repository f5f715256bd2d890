"""Exit codes of a worker process: the one table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a worker ended; the numbers above 2 are those of BSD's ``sysexits.h`` where it has the meaning.

    ========  ====================  ==========================================================================
    code      name                  meaning
    ========  ====================  ==========================================================================
    0         DONE                  trained to its budget
    1         FAILED                an error of its own kind; see ``status.json`` and ``log.txt``
    2         USAGE                 the command line is wrong, or asks for a device that is not there
    65        CHECKPOINT_DAMAGED    there are checkpoints, and none is intact
    69        ENVIRONMENT_FAULT     the environment raised, gave NaN or infinity, or did not replay exactly
    74        DISK                  a file could not be written (disk full, quota, input/output error)
    75        PREEMPTED             told to stop by a signal, with a checkpoint where the agent has them
    76        BUSY                  another worker is at this run; nothing was touched
    78        CHECKPOINT_REFUSED    the checkpoint is of another run, another version or other code
    ========  ====================  ==========================================================================

    After 65 and 78, and after 69 where a replay was not exact, the run continues only by an explicit
    choice: ``--fresh`` starts it from zero, ``--allow-code-change`` continues it with today's code.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    CHECKPOINT_DAMAGED = 65
    ENVIRONMENT_FAULT = 69
    DISK = 74
    PREEMPTED = 75
    BUSY = 76
    CHECKPOINT_REFUSED = 78
