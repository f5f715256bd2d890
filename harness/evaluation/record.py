"""What an evaluation leaves in the run directory, beside the training's ``episodes.csv``.

::

    evaluation-<timesteps>-<actions>-n<episodes>-seed<k>.csv    one row per episode, by environment, then time
    evaluation-<timesteps>-<actions>-n<episodes>-seed<k>.json   what was evaluated, and the summary below

An evaluation with the same name has the same parameters, seeds and result, so that repeating it replaces it.
Needs neither torch nor gymnasium.
"""

from __future__ import annotations

import csv
import io
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from harness.envs.reference import (
    HumanReference,
    human_level,
    human_normalized,
    random_level,
    reference_label,
)
from harness.records import RecordError, RunRecord, read_json, write_atomically, write_json

EVALUATION_VERSION = 1
EVALUATION_COLUMNS = ("env_index", "episode", "seed", "return", "length")
Actions = Literal["sampled", "deterministic"]


@dataclass(frozen=True)
class EvaluatedEpisode:
    """One episode.

    Attributes:
        env_index: which of the parallel environments played it, from 0.
        episode: its number in that environment, from 0.
        seed: of the episode.
        episode_return: raw, unclipped return of the whole game.
        length: agent decisions.
    """

    env_index: int
    episode: int
    seed: int
    episode_return: float
    length: int


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.

    Attributes:
        env_id: canonical.
        timesteps: of training behind the parameters.
        parameters: SHA-256 of the policy's parameters.
        protocol: that the episodes were played under, as plain data.
        actions: ``sampled`` from the policy, or its mode (``deterministic``).
        seed: of the evaluation.
        n_envs: environments that acted together; the sampled actions depend on it.
        episodes: in the order of the file.
        provenance: code and package facts.
    """

    env_id: str
    timesteps: int
    parameters: str
    protocol: dict[str, Any]
    actions: Actions
    seed: int
    n_envs: int
    episodes: tuple[EvaluatedEpisode, ...]
    provenance: dict[str, Any]

    @property
    def name(self) -> str:
        """The files' name without suffix."""
        return f"evaluation-{self.timesteps}-{self.actions}-n{len(self.episodes)}-seed{self.seed}"

    def summary(self) -> dict[str, float]:
        """Mean, standard deviation (n - 1; 0 for one episode) and so on of the returns; the mean length."""
        returns = [episode.episode_return for episode in self.episodes]
        return {
            "mean": statistics.fmean(returns),
            "std": statistics.stdev(returns) if len(returns) > 1 else 0.0,
            "median": statistics.median(returns),
            "min": min(returns),
            "max": max(returns),
            "mean_length": statistics.fmean(episode.length for episode in self.episodes),
        }

    def references(self) -> list[dict[str, Any]]:
        """Human and random play of this game, and the mean return between them, by each table that has it."""
        mean, rows = self.summary()["mean"], []
        for table in get_args(HumanReference):
            human = human_level(self.env_id, table)
            if human is not None:
                rows.append(
                    {
                        "reference": reference_label(table),
                        "human": human,
                        "random": random_level(self.env_id, table),
                        "human_normalized": human_normalized(mean, self.env_id, table),
                    }
                )
        return rows

    def to_json(self) -> dict[str, Any]:
        """The content of the ``.json`` file."""
        return {
            "evaluation_version": EVALUATION_VERSION,
            "env_id": self.env_id,
            "timesteps": self.timesteps,
            "parameters": self.parameters,
            "protocol": self.protocol,
            "actions": self.actions,
            "seed": self.seed,
            "n_envs": self.n_envs,
            "n_episodes": len(self.episodes),
            "return": self.summary(),
            "references": self.references(),
            "provenance": self.provenance,
        }

    def write(self, record: RunRecord) -> Path:
        """Write both files into the run directory; return the path of the ``.json``.

        Raises:
            OSError: they cannot be written.
        """
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(EVALUATION_COLUMNS)
        for row in self.episodes:
            writer.writerow((row.env_index, row.episode, row.seed, repr(row.episode_return), row.length))
        write_atomically(record.directory / f"{self.name}.csv", table.getvalue())
        path = record.directory / f"{self.name}.json"
        write_json(path, self.to_json())
        return path


def read_evaluations(record: RunRecord) -> list[dict[str, Any]]:
    """The content of every ``evaluation-*.json`` of a run, by name.

    Raises:
        RecordError: one is damaged or of another version.
    """
    found = []
    for path in sorted(record.directory.glob("evaluation-*.json")):
        content = read_json(path)
        version = content.get("evaluation_version")
        if version != EVALUATION_VERSION:
            raise RecordError(f"{path}: evaluation_version is {version!r}, expected {EVALUATION_VERSION}")
        found.append(content)
    return found
