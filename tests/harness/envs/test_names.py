from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
from ale_py import roms
from hypothesis import given
from hypothesis import strategies as st

from harness.envs.names import (
    MUJOCO_TASKS,
    UnknownEnvironment,
    atari_games,
    canonical_env_id,
    is_atari,
    is_mujoco,
    rom_name,
)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("Pong", "PongNoFrameskip-v4"),
        ("pong", "PongNoFrameskip-v4"),
        (" Pong ", "PongNoFrameskip-v4"),
        ("PongNoFrameskip-v4", "PongNoFrameskip-v4"),
        ("ALE/Pong-v5", "PongNoFrameskip-v4"),
        ("SpaceInvaders", "SpaceInvadersNoFrameskip-v4"),
        ("space_invaders", "SpaceInvadersNoFrameskip-v4"),
        ("Space Invaders", "SpaceInvadersNoFrameskip-v4"),
        ("Q-bert", "QbertNoFrameskip-v4"),
        ("Qbert", "QbertNoFrameskip-v4"),
        ("Beamrider", "BeamRiderNoFrameskip-v4"),
        ("BeamRider", "BeamRiderNoFrameskip-v4"),
        ("Yars' Revenge", "YarsRevengeNoFrameskip-v4"),
        ("Up and Down", "UpNDownNoFrameskip-v4"),
        ("Pitfall!", "PitfallNoFrameskip-v4"),
        ("Kung-Fu Master", "KungFuMasterNoFrameskip-v4"),
        ("James Bond", "JamesbondNoFrameskip-v4"),
        ("Blackjack", "BlackjackNoFrameskip-v4"),
        ("Blackjack-v1", "Blackjack-v1"),
        ("HalfCheetah-v5", "HalfCheetah-v5"),
        ("HalfCheetah", "HalfCheetah-v5"),
        ("walker2d", "Walker2d-v5"),
        ("CartPole-v1", "CartPole-v1"),
    ],
)
def test_spellings(spelling: str, expected: str) -> None:
    assert canonical_env_id(spelling) == expected


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("Pongg", "PongNoFrameskip-v4"),
        ("Breakot", "BreakoutNoFrameskip-v4"),
        ("BreakotNoFrameskip-v4", "BreakoutNoFrameskip-v4"),
        ("Seaquest-v0", "SeaquestNoFrameskip-v4"),
        ("HalfCheeta", "HalfCheetah-v5"),
        ("HalfCheetah-v2", "HalfCheetah-v5"),
        ("Halfcheetah-v6", "HalfCheetah-v5"),
        ("CartPole", "CartPole-v1"),
        ("CartPole-v9", "CartPole-v1"),
    ],
)
def test_an_unknown_name_names_the_nearest_in_one_line(wrong: str, nearest: str) -> None:
    with pytest.raises(UnknownEnvironment) as error:
        canonical_env_id(wrong)
    message = str(error.value)
    assert repr(wrong) in message
    assert nearest in message
    assert "\n" not in message


@pytest.mark.parametrize("wrong", ["", "xyzzyqqq", "combat", "ALE/", "-v5"])
def test_a_hopeless_name_is_still_an_error(wrong: str) -> None:
    with pytest.raises(UnknownEnvironment):
        canonical_env_id(wrong)


def test_every_single_player_rom_has_one_canonical_name() -> None:
    multiplayer = {"combat", "joust", "maze_craze", "warlords"}
    assert set(atari_games().values()) == set(roms.get_all_rom_ids()) - multiplayer
    for rom in atari_games().values():
        canonical = canonical_env_id(rom)
        assert rom_name(canonical) == rom
        assert is_atari(canonical)
        assert not is_mujoco(canonical)


def test_game_names_are_those_of_gymnasium() -> None:
    for game in atari_games():
        assert f"ALE/{game}-v5" in gymnasium.registry
        assert canonical_env_id(f"ALE/{game}-v5") == f"{game}NoFrameskip-v4"


def test_mujoco_tasks_are_those_of_gymnasium() -> None:
    registered = {
        env_id.removesuffix("-v5")
        for env_id, spec in gymnasium.registry.items()
        if env_id.endswith("-v5") and str(spec.entry_point).startswith("gymnasium.envs.mujoco")
    }
    assert set(MUJOCO_TASKS) == registered


def test_rom_name_refuses_what_is_no_game() -> None:
    with pytest.raises(UnknownEnvironment):
        rom_name("HalfCheetah-v5")


@given(st.text(max_size=30))
def test_canonical_names_are_fixed_points(name: str) -> None:
    try:
        canonical = canonical_env_id(name)
    except UnknownEnvironment as error:
        message = str(error)
    else:
        message = ""
        assert canonical_env_id(canonical) == canonical
    assert "\n" not in message


def test_planning_imports_neither_torch_nor_gymnasium() -> None:
    code = (
        "import sys, harness.envs, harness.envs.catalog as c; c.list_environments();"
        "harness.envs.default_protocol('Pong'); harness.envs.canonical_env_id('HalfCheetah');"
        "print([m for m in ('torch', 'gymnasium', 'ale_py', 'stable_baselines3') if m in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


PLUGIN = "import gymnasium\n\ngymnasium.register('Mine-v0', entry_point='plugin_envs:Mine')\n"


def offered(directory: Path, module: str, content: str) -> subprocess.CompletedProcess[str]:
    """Ask for ``Mine-v0`` where a package offers ``module`` through the entry-point group."""
    metadata = directory / "plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[harness.envs]\nmine = {module}\n")
    (directory / "plugin_envs.py").write_text(content)
    code = "from harness.envs.names import canonical_env_id; print(canonical_env_id('Mine-v0'))"
    paths = os.pathsep.join([str(directory), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


def test_another_package_offers_environments(tmp_path: Path) -> None:
    assert offered(tmp_path, "plugin_envs", PLUGIN).stdout == "Mine-v0\n"


def test_one_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    error = offered(tmp_path, "no_such_module", PLUGIN).stderr
    assert "harness.envs 'mine' (no_such_module): ModuleNotFoundError" in error
