"""What an update logs: gathered on the device while it lasts, brought to the host at once when it is over."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.nn import functional

from algos.explained_variance import explained_variance
from algos.kfac import KFAC
from algos.kfac.host import read

Log = dict[str, float | Tensor]
"""Numbers and 0-d tensors by name."""


def fit_log(values: Tensor, returns: Tensor) -> Log:
    """How well values ``[B]`` predict returns ``[B]``."""
    return {
        "value_loss": functional.mse_loss(values, returns),
        "explained_variance": explained_variance(values, returns),
    }


def step_log(optimizer: KFAC, prefix: str = "") -> Log:
    """The last step's effective eta, predicted KL and whether it was clipped; counts since the start."""
    last, counters = optimizer.last, optimizer.counters
    log = {
        "eta_effective": last["eta"],
        "kl_predicted": last["predicted_kl"],
        "clipped": last["clipped"],
        "skipped_steps": counters["skipped_steps"],
        "kept_inverses": counters["kept_inverses"],
    }
    return {prefix + name: value for name, value in log.items()}


def numbers(log: Log, optimizers: Iterable[object]) -> dict[str, float]:
    """``log`` on the host, by the one transfer of an update.

    Raises:
        NonFiniteError: an input, an output or a score that one of `optimizers` saw was NaN or infinite, which
            on an accelerator is only known now; nothing of it has reached parameters or statistics.
    """
    sound = {o: o.sound for o in optimizers if isinstance(o, KFAC) and o.sound is not None}
    known = read({**log, **sound})
    for optimizer in sound:
        if not known[optimizer]:
            optimizer.check()
    return {name: known[name] for name in log}
