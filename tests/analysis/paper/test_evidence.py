"""Which runs speak about a claim."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.load import load_sweeps
from analysis.paper.claims import artefacts
from analysis.paper.evidence import Finding, findings
from analysis.paper.schema import Claim
from analysis.paper.verdicts import judge

Find = Callable[..., tuple[Finding, ...]]
CONTENT: dict[str, Any] = {
    "id": "x",
    "place": "here",
    "says": "so",
    "kind": "direction",
    "statistic": "score_difference",
    "agents": ["acktr", "trpo"],
    "envs": ["Hopper"],
    "budget": 1000,
    "seeds": 3,
    "sweep": "mujoco8",
    "region": {"low": 0},
}


@pytest.fixture
def add(runs: Any) -> Callable[..., None]:
    def add(
        agent: str, *returns: float, sweep: str = "mujoco8", env_id: str = "Hopper-v5", **more: Any
    ) -> None:
        for seed, score in enumerate(returns):
            runs.add([score], agent=agent, seed=seed, sweep=sweep, env_id=env_id, **more)

    return add


@pytest.fixture
def find(runs: Any) -> Find:
    def find(form: str | None = None, **changes: Any) -> tuple[Finding, ...]:
        claim = Claim.model_validate(CONTENT | changes)
        stems = [path.name for path in runs.root.iterdir()] if runs.root.exists() else []
        sources = {stem: load_sweeps(runs.root, [stem]).settings for stem in stems}
        return findings(claim, sources, artefacts(), form)

    return find


def test_nothing_at_all(find: Find) -> None:
    (found,) = find()
    assert (found.trained, found.effect, found.labels) == (False, None, ("acktr", "trpo"))
    assert found.missing == "acktr, trpo: no run"


@pytest.mark.parametrize(
    ("acktr", "trpo", "says"),
    [
        ({"name": "mujoco"}, {"name": "mujoco"}, ""),
        (
            {"name": "mujoco"},
            {"name": "mujoco-pixels"},
            "needs runs under the protocol mujoco, has trpo under mujoco-pixels",
        ),
        ({"name": "imported"}, {"name": "imported"}, "has acktr, trpo under imported"),
        (
            {"name": "mujoco", "clip_obs": 10.0},
            {"name": "mujoco", "clip_obs": 5.0},
            "acktr, trpo: different settings of the protocol mujoco",
        ),
    ],
)
def test_no_verdict_on_runs_that_were_played_otherwise(
    add: Callable[..., None], find: Find, acktr: dict[str, Any], trpo: dict[str, Any], says: str
) -> None:
    add("acktr", *map(float, range(100, 106)), protocol=acktr, n_timesteps=1000)
    add("trpo", *map(float, range(6)), protocol=trpo, n_timesteps=1000)
    found = find()
    verdict = judge(Claim.model_validate(CONTENT), found)
    assert found[0].effect is not None
    assert says in found[0].played
    assert verdict.outcome == ("inconclusive" if says else "reproduced")
    assert says in verdict.why


def test_claims_about_pictures_need_runs_from_pictures(add: Callable[..., None], find: Find) -> None:
    for agent in ("acktr", "trpo"):
        add(agent, *range(6), sweep="pixels3", protocol={"name": "mujoco-pixels"})
        add(agent, *range(6), sweep="mujoco8", protocol={"name": "mujoco"})
    assert [find(sweep=sweep)[0].played for sweep in ("pixels3", "mujoco8")] == ["", ""]


def test_agents_by_label(add: Callable[..., None], find: Find) -> None:
    add("acktr", 4.0, 5.0, 6.0)
    add("trpo", 1.0, 2.0, 3.0)
    (found,) = find()
    assert found.effect is not None
    assert found.effect.at(0.95).estimate == 3.0
    assert (found.timesteps, found.most, found.stand_in) == (10_000, 10_000, "")


def test_the_first_form_that_has_runs_or_the_one_asked_for(add: Callable[..., None], find: Find) -> None:
    add("trpo", 1.0)
    add("acktr-paper", 1.0)
    assert find()[0].labels == ("acktr-paper", "trpo")
    add("acktr", 1.0)
    assert find()[0].labels == ("acktr", "trpo")
    assert find(form="paper")[0].labels == ("acktr-paper", "trpo")


def test_forms_are_not_mixed(add: Callable[..., None], find: Find) -> None:
    changes = {"agents": ["vanilla", "adaptive"], "sweep": "gauss_newton"}
    add("acktr", 1.0, sweep="gauss_newton")
    add("acktr-paper", 1.0, sweep="gauss_newton")
    add("acktr-paper-adaptive", 1.0, sweep="gauss_newton")
    assert find(**changes)[0].labels == ("acktr-paper", "acktr-paper-adaptive")


def test_a_stand_in_is_named(add: Callable[..., None], find: Find) -> None:
    add("acktr", 1.0)
    add("trpo-2048", 1.0)
    (found,) = find()
    assert found.labels == ("acktr", "trpo-2048")
    assert found.stand_in == "trpo-2048 stands in for trpo: batch 2048, 25000 in the paper"
    add("trpo", 1.0)
    assert find()[0].stand_in == ""


def test_an_agent_of_another_sweep(add: Callable[..., None], find: Find) -> None:
    add("trpo-openai", 1.0, sweep="openai_baselines")
    add("trpo", 1.0)
    (found,) = find(agents=["trpo_openai", "trpo"], sweep="openai_baselines", beside=["mujoco8"])
    assert found.labels == ("trpo-openai", "trpo")
    assert found.effect is not None


@pytest.mark.parametrize("state", ["failed", "running", "pending", "preempted"])
def test_unfinished_runs_leave_it_open(add: Callable[..., None], find: Find, runs: Any, state: str) -> None:
    add("acktr", 1.0, 2.0, 3.0)
    add("trpo", 1.0, 2.0, 3.0)
    runs.add([1.0], agent="trpo", seed=9, sweep="mujoco8", env_id="Hopper-v5", state=state)
    (found,) = find()
    assert found.effect is None
    assert found.trained
    assert found.missing == f"trpo: 1 of 4 runs not finished (1 {state})"


def test_several_settings_are_not_chosen_from(add: Callable[..., None], find: Find) -> None:
    add("acktr", 1.0)
    add("acktr", 1.0, identity="bbbbbbbb", hyperparameters={"delta": 1.0})
    add("trpo", 1.0)
    assert find()[0].missing == "acktr: 2 settings, expected one"


def test_batches_are_told_apart(add: Callable[..., None], find: Find) -> None:
    for label, size in (("a2c-small", 80), ("a2c-large", 640)):
        add(
            label, float(size), sweep="throughput", algo="a2c", hyperparameters={"n_envs": 1, "n_steps": size}
        )
    changes = {"sweep": "throughput", "agents": ["a2c"], "statistic": "last_100"}
    for size in (80, 640):
        effect = find(batch=size, **changes)[0].effect
        assert effect is not None
        assert effect.at(0.95).estimate == size
    assert find(batch=160, **changes)[0].missing == "a2c: no run"


def test_a_speed_timed_beside_another_run_is_named(add: Callable[..., None], find: Find, runs: Any) -> None:
    for number, agent in enumerate(("a2c", "acktr")):
        add(agent, 1.0, 1.0, 1.0, sweep="throughput", hyperparameters={"n_envs": 1, "n_steps": 80})
        for seed, file in enumerate(sorted(runs.root.glob(f"*/{agent}/*/*/seed-*/run.json"))):
            start = 100.0 * (3 * number + seed)
            _set(file, attempts=[{"started": start, "provenance": {}}])
            _set(file.with_name("status.json"), heartbeat=start + 100.0)
    changes = {"sweep": "throughput", "agents": ["acktr", "a2c"], "statistic": "speed_ratio", "batch": 80}
    assert find(**changes)[0].crowded == ""
    add("trpo", 1.0, sweep="throughput", env_id="Ant-v5")  # another, of which the claim does not speak
    (file,) = runs.root.glob("*/trpo/*/*/seed-0/run.json")
    _set(file, attempts=[{"started": 250.0, "provenance": {}}])
    _set(file.with_name("status.json"), heartbeat=310.0)
    (found,) = find(**changes)
    assert found.crowded == "2 of the runs were timed beside others: speeds need --jobs 1"
    assert found.effect is not None
    assert find(**changes | {"statistic": "score_ratio"})[0].crowded == ""


def _set(file: Path, **content: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | content))


def test_a_joint_claim_has_one_finding(add: Callable[..., None], find: Find) -> None:
    for env_id, factor in (("Hopper-v5", 2.0), ("Swimmer-v5", 8.0)):
        add("acktr", *(factor * x for x in (9.0, 10.0, 11.0)), env_id=env_id)
        add("trpo", 9.0, 10.0, 11.0, env_id=env_id)
    changes = {"joint": True, "statistic": "score_ratio"}
    (found,) = find(envs=["Hopper", "Swimmer"], **changes)
    assert found.effect is not None
    assert found.effect.at(0.95).estimate == pytest.approx(4.0)
    (partial,) = find(envs=["Hopper", "Ant"], **changes)
    assert (partial.effect, partial.trained) == (None, True)
    assert partial.missing == "Ant-v5: acktr, trpo: no run"
