"""TensorBoard's event files: the rows of ``progress.csv``, without points of what was cut back."""

from __future__ import annotations

from pathlib import Path

from stable_baselines3.common.logger import TensorBoardOutputFormat


class EventFiles(TensorBoardOutputFormat):
    """SB3's TensorBoard writer, in a file of its own for each attempt.

    Args:
        folder: where they lie.
        resumed_at: timesteps of the checkpoint that the run goes on from, 0 for none. What earlier files have
            beyond is told to be dropped (TensorBoard's ``purge_step``), since the run does it again.
    """

    def __init__(self, folder: Path, resumed_at: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        purge_step = resumed_at + 1 if resumed_at else None
        self.writer = SummaryWriter(str(folder), purge_step=purge_step)
        self._is_closed = False
