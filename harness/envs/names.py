"""Which environments exist, and the one spelling each of them has in a run's identity.

Atari games are ``<Game>NoFrameskip-v4``, MuJoCo tasks ``<Task>-v5``, anything else its gymnasium id.
The names of the games come from the ROM list that ale-py installs, which is read without importing ale-py:
gymnasium is only imported for a name that is neither an Atari game nor a MuJoCo task.

A package offers environments through the entry-point group ``harness.envs``, whose target is a module that
registers them in gymnasium when it is imported::

    [project.entry-points."harness.envs"]
    mine = "my_envs"
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

ATARI_SUFFIX = "NoFrameskip-v4"
ENTRY_POINT_GROUP = "harness.envs"

MUJOCO_TASKS: tuple[str, ...] = (
    "Ant",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "HumanoidStandup",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Pusher",
    "Reacher",
    "Swimmer",
    "Walker2d",
)
"""Tasks that gymnasium ships at version v5."""

_MULTIPLAYER_ONLY = frozenset({"combat", "joust", "maze_craze", "warlords"})
_ATARI_ALIASES = {
    "montezumasrevenge": "montezuma_revenge",
    "upanddown": "up_n_down",
    "pitfallii": "pitfall2",
}
_ATARI_PATTERN = re.compile(
    r"^(?:ALE/)?(?P<game>.+?)(?P<suffix>NoFrameskip-v4|NoFrameskip-v0|Deterministic-v\d|-v\d)?$"
)
_ACCEPTED_ATARI_SUFFIXES = (None, ATARI_SUFFIX)


class UnknownEnvironment(ValueError):
    """No environment has this name; the message is one line and lists the nearest names."""


@cache
def atari_games() -> dict[str, str]:
    """Canonical game name -> ROM name, e.g. ``{"SpaceInvaders": "space_invaders"}``, in alphabetical order.

    Every ROM that ale-py ships and that one player can play. Raises ModuleNotFoundError without ale-py.
    """
    spec = find_spec("ale_py")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("ale-py is not installed: the list of Atari games comes from it")
    rom_list = Path(spec.origin).parent / "roms" / "md5.json"
    roms = (Path(name).stem for name in json.loads(rom_list.read_text(encoding="utf-8")))
    return {_camel(rom): rom for rom in sorted(roms) if rom not in _MULTIPLAYER_ONLY}


def canonical_env_id(name: str) -> str:
    """The canonical id of the environment called ``name``.

    - Atari, in any spelling: ``Pong``, ``pong``, ``space_invaders``, ``Q-bert``, ``PongNoFrameskip-v4`` and
      ``ALE/Pong-v5`` become ``PongNoFrameskip-v4``. The id names the game; how it is played is the protocol.
    - MuJoCo: ``HalfCheetah``, ``halfcheetah`` and ``HalfCheetah-v5`` become ``HalfCheetah-v5``. No
      other version is accepted, since their dynamics and rewards differ.
    - Otherwise an id registered in gymnasium, unchanged (``CartPole-v1``).

    Raises UnknownEnvironment, in one line with up to three nearest names.
    """
    stripped = name.strip()
    atari = _match_atari(stripped)
    if atari is not None:
        return atari
    mujoco = _match_mujoco(stripped)
    if mujoco is not None:
        return mujoco
    if _is_registered(stripped):
        return stripped
    raise _unknown(stripped)


def is_atari(env_id: str) -> bool:
    """Whether ``env_id`` (canonical) is an Atari game."""
    return env_id.endswith(ATARI_SUFFIX) and env_id.removesuffix(ATARI_SUFFIX) in atari_games()


def is_mujoco(env_id: str) -> bool:
    """Whether ``env_id`` (canonical) is a MuJoCo task."""
    return env_id.endswith("-v5") and env_id.removesuffix("-v5") in MUJOCO_TASKS


def repeats_itself(env_id: str) -> bool:
    """Whether the canonical ``env_id`` plays an episode again from its seed and actions.

    False only for an environment that gymnasium has registered as ``nondeterministic``.
    """
    if is_atari(env_id) or is_mujoco(env_id):
        return True
    import gymnasium

    _load_plugins()
    spec = gymnasium.registry.get(env_id)
    return spec is None or not spec.nondeterministic


def rom_name(env_id: str) -> str:
    """The ROM that the canonical Atari id plays: ``SpaceInvadersNoFrameskip-v4`` -> ``space_invaders``.

    Raises UnknownEnvironment for anything that is not a canonical Atari id.
    """
    if not is_atari(env_id):
        raise _unknown(env_id)
    return atari_games()[env_id.removesuffix(ATARI_SUFFIX)]


def _camel(rom: str) -> str:
    return rom.title().replace("_", "")


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _atari_by_key() -> dict[str, str]:
    games = {_key(game): game for game in atari_games()}
    return games | {alias: _camel(rom) for alias, rom in _ATARI_ALIASES.items()}


@cache
def _mujoco_by_key() -> dict[str, str]:
    return {_key(task): task for task in MUJOCO_TASKS}


def _match_atari(name: str) -> str | None:
    match = _ATARI_PATTERN.match(name)
    if match is None:
        return None
    game = _atari_by_key().get(_key(match["game"]))
    if game is None:
        return None
    suffix = match["suffix"]
    from_ale = name.startswith("ALE/")
    if suffix in _ACCEPTED_ATARI_SUFFIXES or (from_ale and suffix == "-v5"):
        return game + ATARI_SUFFIX
    if _is_registered(name):  # gymnasium's Blackjack-v1 is a card table, the Atari game is Blackjack
        return None
    raise UnknownEnvironment(
        f"unknown environment {name!r}: sticky actions and frame skip are set in the protocol, "
        f"the game is {game + ATARI_SUFFIX!r}"
    )


def _match_mujoco(name: str) -> str | None:
    task, _, version = name.partition("-")
    canonical = _mujoco_by_key().get(_key(task))
    if canonical is None:
        return None
    if version in ("", "v5"):
        return f"{canonical}-v5"
    raise UnknownEnvironment(f"unknown environment {name!r}: did you mean '{canonical}-v5'?")


def _is_registered(name: str) -> bool:
    return name in _registered_ids()


def _registered_ids() -> frozenset[str]:
    """Ids in gymnasium's registry, without those that ale-py puts there: a game has one id, made above."""
    import gymnasium

    _load_plugins()
    specs = gymnasium.registry.items()
    return frozenset(env_id for env_id, spec in specs if not str(spec.entry_point).startswith("ale_py"))


@cache
def _load_plugins() -> None:
    """Import what other packages offer, once; raises UnknownEnvironment naming what cannot be imported."""
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            point.load()
        except Exception as error:  # whatever a module of another package raises
            raise UnknownEnvironment(
                f"entry point {ENTRY_POINT_GROUP} {point.name!r} ({point.value}): "
                f"{type(error).__name__}: {error}"
            ) from None


def _unknown(name: str) -> UnknownEnvironment:
    spelled = _ATARI_PATTERN.match(name)
    key = _key(spelled["game"] if spelled else name)
    names = {key_: game + ATARI_SUFFIX for key_, game in _atari_by_key().items()}
    names |= {key_: f"{task}-v5" for key_, task in _mujoco_by_key().items()}
    newest = {_key(env_id.rpartition("-v")[0] or env_id): env_id for env_id in sorted(_registered_ids())}
    names = newest | names
    nearest = [names[match] for match in get_close_matches(key, list(names), n=3, cutoff=0.6)]
    hint = (
        f": did you mean {', '.join(nearest)}?" if nearest else ": no gymnasium, Atari or MuJoCo id is near"
    )
    return UnknownEnvironment(f"unknown environment {name!r}{hint}")
