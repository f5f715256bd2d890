"""One Atari game on ale-py's native preprocessing, with the restarts that SB3's wrappers hide."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ale_py import ALEVectorInterface
from numpy.typing import NDArray

from harness.envs.base import EnvironmentFault
from harness.envs.protocol import AtariSettings

_NATIVE: Any = ALEVectorInterface  # its stub asks for arrays, and for arguments that have defaults

Frame = NDArray[np.uint8]
"""One preprocessed frame, [screen_size, screen_size]."""

GAMES_PER_SEED = 32
"""Games that one seeding of the emulator serves; see :class:`AtariGame`."""

HISTORY_DEPENDENT_ROMS = frozenset(
    {
        "hangman",
        "haunted_house",
        "ice_hockey",
        "sir_lancelot",
        "space_war",
        "surround",
        "time_pilot",
        "yars_revenge",
    }
)
"""Games that an emulator reset does not bring back to one state; ``test_atari_history.py`` looks for more."""


class Played(NamedTuple):
    """What one timestep came to."""

    frame: Frame
    """What the agent sees next: the first frame after the restart where ``done``."""
    reward: float
    """Raw reward of the timestep."""
    done: bool
    truncated: bool
    terminal_frame: Frame | None
    """The last frame before the restart where ``done``."""
    carried: float
    """Raw reward of the frames hidden after a lost life; it belongs to the same game."""
    game_over: bool
    opening: float
    """Raw reward of the frames that opened the next game."""
    lives: int


class AtariGame:
    """The games that environment ``index`` plays one after the other.

    Work is handed to the emulator's own thread: :meth:`play` and :meth:`open` are generators that stop once
    for every timestep the emulator is busy with, so that many games can be driven together.

    A game is set by its number alone. Seeding the emulator means loading the ROM again, which costs as much
    as hundreds of timesteps, so a seed serves ``GAMES_PER_SEED`` games in a row, each with its own draw of
    no-ops; to reach a game in the middle, the emulator is reset as often as there are games before it. With
    sticky actions, and for ``HISTORY_DEPENDENT_ROMS``, a reset does not forget the game before, and each game
    is seeded.

    For people to look at, ``colour_screen`` (height, width) makes the frames RGB, [height, width, 3]; the
    game is the same.
    """

    def __init__(
        self,
        index: int,
        rom_path: Path,
        protocol: AtariSettings,
        seed_of: Callable[[int, int], int],
        *,
        colour_screen: tuple[int, int] | None = None,
    ) -> None:
        height, width = colour_screen or (protocol.screen_size, protocol.screen_size)
        self.index = index
        self.protocol = protocol
        self.render_mode = None
        self.rom = rom_path.stem
        self._seed_of = seed_of
        self._native = _NATIVE(
            rom_path=rom_path,
            num_envs=1,
            num_threads=1,
            frame_skip=protocol.frame_skip,
            maxpool=protocol.max_pool,
            stack_num=1,
            img_height=height,
            img_width=width,
            grayscale=protocol.grayscale and colour_screen is None,
            noop_max=protocol.noop_max,
            use_fire_reset=False,
            episodic_life=False,
            life_loss_info=False,
            reward_clipping=False,
            max_episode_steps=protocol.max_frames_per_episode,
            repeat_action_probability=protocol.repeat_action_probability,
            full_action_space=protocol.full_action_space,
        )
        self.action_meanings = tuple(action.name for action in self._native.get_action_set())
        fires = protocol.fire_reset and "FIRE" in self.action_meanings and len(self.action_meanings) >= 3
        self._fire_actions = (self.action_meanings.index("FIRE"), 2) if fires else ()
        self._noop = self.action_meanings.index("NOOP") if "NOOP" in self.action_meanings else 0
        forgets = protocol.repeat_action_probability == 0.0 and self.rom not in HISTORY_DEPENDENT_ROMS
        self._games_per_seed = GAMES_PER_SEED if forgets else 1
        self._reached = -1
        self._lives = 0

    def get_action_meanings(self) -> list[str]:
        """Names of the actions, by their number, as gymnasium's AtariEnv gives them."""
        return list(self.action_meanings)

    def open(self, number: int) -> Generator[None, None, tuple[Frame, float, int]]:
        """Begin game ``number``; returns its first frame, the raw reward of the hidden frames, and the lives.

        As SB3's NoopResetEnv and FireResetEnv: no-ops, then FIRE and action 2 where the game has FIRE.
        Raises EnvironmentFault if the game ends meanwhile.
        """
        block, offset = divmod(number, self._games_per_seed)
        if self._reached != number - 1 or offset == 0:
            observation, info = self._native.reset([0], [self._seed_of(self.index, block)])
            for _ in range(offset):
                observation, info = self._native.reset([0], [-1])
        else:
            observation, info = self._native.reset([0], [-1])
        self._reached = number
        frame, reward = observation[0, 0], 0.0
        self._lives = int(info["lives"][0])
        for action in self._fire_actions:
            frame, gained, over, truncated = yield from self._act(action)
            reward += gained
            if over or truncated:
                raise EnvironmentFault(
                    f"{self.rom} (index {self.index}): the game ended while FIRE opened it"
                )
        return frame, reward, self._lives

    def play(self, action: int, number: int) -> Generator[None, None, Played]:
        """One timestep of game ``number`` and, where it ends in done, the restart that follows."""
        lives_before = self._lives
        frame, reward, over, truncated = yield from self._act(action)
        lives = self._lives
        lost_life = self.protocol.terminal_on_life_loss and 0 < lives < lives_before
        if not (over or truncated or lost_life):
            return Played(frame, reward, False, False, None, 0.0, False, 0.0, lives)
        terminal_frame, carried, opening = frame, 0.0, 0.0
        ended = over or truncated
        if not ended:
            for hidden in (self._noop, *self._fire_actions):
                frame, gained, hidden_over, hidden_truncated = yield from self._act(hidden)
                carried += gained
                if hidden_over or hidden_truncated:
                    ended = True
                    break
        if ended:
            frame, opening, _ = yield from self.open(number + 1)
        truncated = truncated and not (over or lost_life)
        return Played(frame, reward, True, truncated, terminal_frame, carried, ended, opening, lives)

    def _act(self, action: int) -> Generator[None, None, tuple[Frame, float, bool, bool]]:
        self._native.send([action], [1.0])
        yield
        observation, reward, terminated, truncated, info = self._native.recv()
        self._lives = int(info["lives"][0])
        return observation[0, 0], float(reward[0]), bool(terminated[0]), bool(truncated[0])
