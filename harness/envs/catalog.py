"""The environments that the harness knows by name, with what each is held against."""

from __future__ import annotations

from dataclasses import dataclass

from harness.envs.names import ATARI_SUFFIX, MUJOCO_TASKS, atari_games
from harness.envs.protocol import protocol_names
from harness.envs.reference import default_reference, reference_level


@dataclass(frozen=True)
class EnvironmentEntry:
    """One row of the catalog.

    ``protocols`` are the names of those it can be played under, the default first; ``reference`` names the
    table that ``reference_level`` is from.
    """

    env_id: str
    protocols: tuple[str, ...]
    reference_level: float | None
    reference: str | None


def list_environments() -> list[EnvironmentEntry]:
    """Every Atari game and MuJoCo task, in that order, each group by name.

    Other ids of gymnasium can be used too and are not listed. Imports neither torch nor gymnasium.
    """
    env_ids = [game + ATARI_SUFFIX for game in atari_games()] + [f"{task}-v5" for task in MUJOCO_TASKS]
    return [
        EnvironmentEntry(
            env_id=env_id,
            protocols=protocol_names(env_id),
            reference_level=reference_level(env_id),
            reference=default_reference(env_id),
        )
        for env_id in env_ids
    ]
