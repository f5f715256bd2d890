"""One seed for every episode, from the run's seed, the environment's index and the episode's."""

from __future__ import annotations

import numpy as np


def episode_seed(run_seed: int, env_index: int, episode: int) -> int:
    """Seed in [0, 2**31) of one episode.

    The first word of ``numpy.random.SeedSequence(run_seed, spawn_key=(env_index, episode))``, less its lowest
    bit, so that neighbouring runs, environments and episodes are unrelated.
    """
    sequence = np.random.SeedSequence(run_seed, spawn_key=(env_index, episode))
    return int(sequence.generate_state(1)[0] >> 1)
