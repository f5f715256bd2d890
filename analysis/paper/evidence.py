"""Which runs speak about a claim, and what they say on each of its environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.formats import short_env_id
from analysis.load import Setting
from analysis.paper.crowding import crowded
from analysis.paper.effects import Effect, geometric_mean
from analysis.paper.schema import Artefacts, Claim
from analysis.paper.statistics import STATISTICS
from analysis.reference import Reference
from harness.envs.names import is_atari
from harness.envs.reference import human_level, threshold

Sources = Mapping[str, Sequence[Setting]]
"""Settings by stem of the sweep file, whatever the tier; a sweep without runs is not in it."""
LEVEL_WINDOW = {"mnih2015": 100, "wang2016": 100, "gu2016": 10}
OWN_LEVEL_WINDOW = 100


@dataclass(frozen=True)
class Finding:
    """What runs say about a claim on one environment, or on all together where it is a joint one.

    Attributes:
        env_id: the environment, "" for all.
        labels: who plays the claim's agents.
        trained: whether any run that it needs has trained a timestep.
        effect: the statistic; None where ``missing`` says why.
        missing: what is lacking, "" where nothing is.
        stand_in: how an agent differs from the paper's for which it stands in, "" without such.
        played: under which other protocol than the paper's, or each other's, the agents played; "" for none.
        crowded: of a speed, that runs were timed beside others, "" where none was.
        timesteps, most: the smallest and the largest budget of the runs.
        seeds: of the finished runs, those that any of the agents has.
    """

    env_id: str
    labels: tuple[str, ...] = ()
    trained: bool = False
    effect: Effect | None = None
    missing: str = ""
    stand_in: str = ""
    played: str = ""
    crowded: str = ""
    timesteps: int = 0
    most: int = 0
    seeds: tuple[int, ...] = ()


def findings(
    claim: Claim, sources: Sources, artefacts: Artefacts, form: str | None = None
) -> tuple[Finding, ...]:
    """One finding per environment, or one in all for a joint claim.

    Args:
        claim: what is to be judged.
        sources: the runs; only finished ones enter a statistic, and only where none is unfinished.
        artefacts: who plays the claim's agents.
        form: the form of ACKTR to judge by, where its sweep has it; otherwise the first that has runs.
    """
    forms = artefacts.forms[claim.sweep]
    order = sorted(forms, key=lambda name: name != form)
    chosen = next((name for name in order if _has_runs(claim, sources, forms[name], artefacts)), order[0])
    found = tuple(_on(claim, env_id, sources, forms[chosen], artefacts) for env_id in claim.envs)
    return (_joint(found),) if claim.joint else found


def _has_runs(claim: Claim, sources: Sources, roles: Mapping[str, str], artefacts: Artefacts) -> bool:
    return any(
        all(_settings(claim, role, env_id, sources, roles, artefacts)[0] for role in claim.agents)
        for env_id in claim.envs
    )


def _settings(
    claim: Claim, role: str, env_id: str, sources: Sources, roles: Mapping[str, str], artefacts: Artefacts
) -> tuple[list[Setting], str, str]:
    """Settings that play ``role`` on ``env_id``, their label, and how it differs from the paper's agent."""
    label = roles.get(role, role)
    stand_in = artefacts.stand_ins.get(label)
    for name, differs in ((label, ""), *([(stand_in.label, stand_in.differs)] if stand_in else [])):
        for sweep in (claim.sweep, *claim.beside):
            here = [setting for setting in sources.get(sweep, ()) if setting.env_id == env_id]
            if claim.batch is not None:
                found = [
                    s for s in here if s.algo == name and {run.batch_size for run in s.runs} == {claim.batch}
                ]
            else:
                found = [setting for setting in here if setting.agent == name]
            if found:
                return found, name, f"{name} stands in for {label}: {differs}" if differs else ""
    return [], label, ""


def _on(
    claim: Claim, env_id: str, sources: Sources, roles: Mapping[str, str], artefacts: Artefacts
) -> Finding:
    sides, labels, differs = [], [], []
    problems: dict[str, list[str]] = {}
    trained = False
    for role in claim.agents:
        settings, label, stand_in = _settings(claim, role, env_id, sources, roles, artefacts)
        labels.append(label)
        differs += [stand_in] if stand_in else []
        trained = trained or any(run.timesteps or run.done for s in settings for run in s.runs)
        problem = _problem(settings)
        if problem:
            problems.setdefault(problem, []).append(label)
        else:
            sides.append(replace(settings[0], runs=tuple(settings[0].done)))
    missing = "; ".join(f"{', '.join(whose)}: {problem}" for problem, whose in problems.items())
    found = Finding(env_id, tuple(labels), trained, missing=missing, stand_in="; ".join(differs))
    if problems:
        return found
    budgets = [side.n_timesteps for side in sides]
    seeds = tuple(sorted({run.seed for side in sides for run in side.runs}))
    played = _otherwise_played(sides, _protocol(claim, env_id, artefacts))
    found = replace(found, timesteps=min(budgets), most=max(budgets), seeds=seeds, played=played)
    statistic = STATISTICS[claim.statistic]
    if statistic.timed:
        timed = [run for side in sides for run in side.runs]
        found = replace(found, crowded=crowded(timed, sources.get(claim.sweep, ())))
    effect = statistic.measure(sides, _level(claim, env_id))
    if isinstance(effect, str):
        return replace(found, missing=effect)
    return replace(found, effect=effect)


def _protocol(claim: Claim, env_id: str, artefacts: Artefacts) -> str:
    return artefacts.protocols.get(claim.sweep, "atari" if is_atari(env_id) else "mujoco")


def _otherwise_played(sides: Sequence[Setting], protocol: str) -> str:
    """Which sides were not played under ``protocol``, or that its settings are not those of all; "" for none.

    A sweep's file may be edited between the runs of two agents, or overridden by ``--set``.
    """
    others: dict[str, list[str]] = {}
    for side in sides:
        name = str(side.protocol.get("name"))
        if name != protocol:
            others.setdefault(name, []).append(side.agent)
    if others:
        listed = ", ".join(f"{', '.join(agents)} under {name}" for name, agents in others.items())
        return f"needs runs under the protocol {protocol}, has {listed}"
    if any(side.protocol != sides[0].protocol for side in sides):
        return f"{', '.join(side.agent for side in sides)}: different settings of the protocol {protocol}"
    return ""


def _problem(settings: Sequence[Setting]) -> str:
    """Why a side cannot be used, "" where it can.

    Runs that failed may have failed for how they did, so that the finished ones alone would flatter.
    """
    if not settings:
        return "no run"
    if len(settings) > 1:
        return f"{len(settings)} settings, expected one"
    done = {run.seed for run in settings[0].done}
    runs = [run for run in settings[0].runs if run.done or run.seed not in done]
    states = Counter(run.left_out or run.state for run in runs if not run.done)
    if states:
        text = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return f"{sum(states.values())} of {len(runs)} runs not finished ({text})"
    return ""


def _level(claim: Claim, env_id: str) -> Reference | None:
    if claim.level is not None:
        return Reference(claim.level, "level of the claim", OWN_LEVEL_WINDOW)
    if claim.reference is None:
        return None
    value = threshold(env_id) if claim.reference == "gu2016" else human_level(env_id, claim.reference)
    return None if value is None else Reference(value, claim.reference, LEVEL_WINDOW[claim.reference])


def _joint(found: Sequence[Finding]) -> Finding:
    effects = [one.effect for one in found if one.effect is not None]
    problems = [f"{short_env_id(one.env_id)}: {one.missing}" for one in found if one.missing]
    return Finding(
        env_id="",
        labels=found[0].labels,
        trained=any(one.trained for one in found),
        effect=geometric_mean(effects) if len(effects) == len(found) else None,
        missing="; ".join(problems),
        stand_in="; ".join(dict.fromkeys(one.stand_in for one in found if one.stand_in)),
        played="; ".join(dict.fromkeys(one.played for one in found if one.played)),
        timesteps=min(one.timesteps for one in found),
        most=max(one.most for one in found),
        seeds=tuple(sorted({seed for one in found for seed in one.seeds})),
    )
