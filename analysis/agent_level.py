"""An agent's own result as the level for all: how soon do others get where it ended?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.load import Setting, SweepError
from analysis.reference import Reference
from analysis.run_statistics import LAST_WINDOW, last_score
from analysis.statistics.seeds import spread


def level_of_agent(settings: Sequence[Setting], agent: str) -> Callable[[str], Reference | None]:
    """The mean return of ``agent``'s last 100 episodes over its finished seeds, by environment id.

    The level is an estimate, and about half of the agent's own seeds end below it. None where the agent has
    no finished run on an environment.

    Raises:
        analysis.load.SweepError: no agent is called so.
    """
    levels: dict[str, Reference] = {}
    names = sorted({setting.name for setting in settings})
    if agent not in names:
        raise SweepError(f"level of: no agent {agent!r}, expected one of {', '.join(names)}")
    for setting in settings:
        if setting.name != agent:
            continue
        scores = [score for run in setting.done if (score := last_score(run)) is not None]
        mean = spread(scores).mean
        if mean is not None:
            source = f"mean return of {agent}'s last {LAST_WINDOW} episodes, over finished seeds"
            levels[setting.env_id] = Reference(mean, source, LAST_WINDOW)
    return levels.get
