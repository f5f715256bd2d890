"""A run's finished episodes as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.records import EPISODE_COLUMNS

DTYPES: dict[str, str] = {
    "timesteps": "<i8",
    "returns": "<f8",
    "wall_times": "<f8",
    "lengths": "<i4",
    "env_indices": "<i4",
}
_COLUMNS = {
    "timesteps": "timestep",
    "returns": "return",
    "wall_times": "wall_time",
    "lengths": "length",
    "env_indices": "env_index",
}


@dataclass(frozen=True, eq=False)
class Episodes:
    """Episodes in the order in which they finished, over all parallel environments.

    Attributes:
        timesteps: ``[episodes]`` timesteps of the run when each ended.
        returns: ``[episodes]`` raw returns.
        wall_times: ``[episodes]`` seconds of training.
        lengths: ``[episodes]`` timesteps in each.
        env_indices: ``[episodes]`` which parallel environment played it.
    """

    timesteps: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    wall_times: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    env_indices: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.timesteps)

    @classmethod
    def none(cls) -> Episodes:
        """Of a run that has not finished one."""
        return cls(**{name: np.empty(0, dtype=kind) for name, kind in DTYPES.items()})

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Episodes:
        """From the columns of ``episodes.csv``."""
        return cls(**{name: frame[_COLUMNS[name]].to_numpy(dtype=kind) for name, kind in DTYPES.items()})

    def frame(self) -> pd.DataFrame:
        """With the columns of ``episodes.csv``."""
        columns: dict[str, Any] = {_COLUMNS[field.name]: getattr(self, field.name) for field in fields(self)}
        columns["episode"] = np.arange(1, len(self) + 1)
        return pd.DataFrame(columns)[list(EPISODE_COLUMNS)]
