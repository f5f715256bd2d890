from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any, get_args

import pytest

import harness.envs.reference as reference_module
from harness.envs import canonical_env_id
from harness.envs.catalog import list_environments
from harness.envs.reference import (
    HumanReference,
    default_reference,
    human_level,
    human_normalized,
    random_level,
    reference_label,
    reference_level,
    threshold,
)

TABLES = sorted((Path(reference_module.__file__).parent / "reference").glob("*.csv"))


@pytest.mark.parametrize(
    ("game", "mnih2015", "wang2016"),
    [
        ("BeamRider", 5775.0, 16926.5),
        ("Breakout", 31.8, 30.5),
        ("Pong", 9.3, 14.6),
        ("Qbert", 13455.0, 13455.0),
        ("Seaquest", 20182.0, 42054.7),
        ("SpaceInvaders", 1652.0, 1668.7),
        ("Alien", None, 7127.7),
        ("MsPacman", None, None),
    ],
)
def test_human_levels(game: str, mnih2015: float | None, wang2016: float | None) -> None:
    env_id = canonical_env_id(game)
    assert human_level(env_id) == mnih2015
    assert human_level(env_id, "mnih2015") == mnih2015
    assert human_level(env_id, "wang2016") == wang2016


@pytest.mark.parametrize(
    ("task", "gu2016", "gym"),
    [("Ant", 3500, 6000), ("Reacher", -7, -3.75), ("Walker2d", 3000, None), ("Humanoid", None, None)],
)
def test_thresholds(task: str, gu2016: float | None, gym: float | None) -> None:
    assert threshold(f"{task}-v5") == gu2016
    assert threshold(f"{task}-v5", "gym") == gym


def test_default_references() -> None:
    assert default_reference("PongNoFrameskip-v4") == "mnih2015"
    assert reference_level("PongNoFrameskip-v4") == 9.3
    assert default_reference("Swimmer-v5") == "gu2016"
    assert reference_level("Swimmer-v5") == 90
    assert default_reference("AlienNoFrameskip-v4") is None
    assert reference_level("AlienNoFrameskip-v4") is None
    assert default_reference("CartPole-v1") is None
    assert reference_level("CartPole-v1") is None


@pytest.mark.parametrize(
    ("game", "reference", "dqn", "published"),
    [
        ("Breakout", "mnih2015", 401.2, 1327),
        ("Pong", "mnih2015", 18.9, 132),
        ("SpaceInvaders", "mnih2015", 1976.0, 121),
        ("BeamRider", "mnih2015", 6846.0, 119),
        ("Qbert", "mnih2015", 10596.0, 78),
        ("Seaquest", "mnih2015", 5286.0, 25),
    ],
)
def test_human_normalised_scores_are_those_that_mnih_et_al_publish_for_dqn(
    game: str, reference: HumanReference, dqn: float, published: int
) -> None:
    normalized = human_normalized(dqn, canonical_env_id(game), reference)
    assert normalized is not None
    assert math.floor(100 * normalized + 1e-6) == published


@pytest.mark.parametrize("reference", get_args(HumanReference))
def test_human_normalisation_is_0_for_random_play_and_1_for_the_human(reference: HumanReference) -> None:
    for entry in list_environments():
        human, random = human_level(entry.env_id, reference), random_level(entry.env_id, reference)
        assert (human is None) == (random is None)
        if human is not None and random is not None:
            assert human_normalized(human, entry.env_id, reference) == 1
            assert human_normalized(random, entry.env_id, reference) == 0
        else:
            assert human_normalized(1.0, entry.env_id, reference) is None


def test_a_label_names_table_and_version() -> None:
    assert reference_label("wang2016") == "wang2016 v1"
    assert reference_label("gym") == "gym v1"
    with pytest.raises(ValueError, match="unknown reference 'mnih'"):
        reference_label("mnih")  # type: ignore[arg-type]


@pytest.mark.parametrize("lookup", [human_level, random_level, threshold])
def test_an_unknown_reference_is_refused(lookup: Any) -> None:
    with pytest.raises(ValueError, match="unknown reference 'mnih': expected one of"):
        lookup("PongNoFrameskip-v4", "mnih")


def test_sizes_of_the_tables() -> None:
    games = [entry.env_id for entry in list_environments()]
    sizes = {
        name: sum(human_level(game, name) is not None for game in games) for name in get_args(HumanReference)
    }
    assert sizes == {"mnih2015": 6, "wang2016": 44}
    assert sum(threshold(env_id) is not None for env_id in games) == 8


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.name)
def test_a_table_states_its_source_and_names_each_environment_once(table: Path) -> None:
    lines = table.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# version: \d+", lines[0])
    assert any("arXiv:" in line for line in lines if line.startswith("#"))
    env_ids = [row["env_id"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))]
    assert env_ids == [canonical_env_id(env_id) for env_id in env_ids]
    assert len(set(env_ids)) == len(env_ids) > 0


def test_the_catalog_lists_each_environment_with_its_reference() -> None:
    entries = {entry.env_id: entry for entry in list_environments()}
    assert len(entries) == len(list_environments())
    pong, ant, alien = entries["PongNoFrameskip-v4"], entries["Ant-v5"], entries["AlienNoFrameskip-v4"]
    assert (pong.protocols, pong.reference, pong.reference_level) == (
        ("atari", "atari-sticky"),
        "mnih2015",
        9.3,
    )
    assert (ant.protocols, ant.reference, ant.reference_level) == (
        ("mujoco", "mujoco-pixels"),
        "gu2016",
        3500,
    )
    assert (alien.reference, alien.reference_level) == (None, None)
