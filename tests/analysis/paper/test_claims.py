"""The paper as data: tables, claims, artefacts, and the sweep files that they name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from analysis.paper.cells import paper_speeds, paper_table, q_learning_floor
from analysis.paper.claims import UnknownClaim, all_claims, artefacts, select
from analysis.paper.figures import FIGURES
from analysis.paper.schema import Claim, expanded
from analysis.paper.searches import SEARCHES
from analysis.paper.statistics import STATISTICS
from analysis.paper.tolerance import tolerance
from harness.envs.reference import human_level, threshold
from harness.sweep.expand import Sweep, load_sweep

SWEEPS = Path(__file__).resolve().parents[3] / "sweeps"
STEMS = {
    "atari6",
    "atari6_50m",
    "atari44",
    "atlantis",
    "mujoco8",
    "mujoco8_30m",
    "pixels3",
    "critic_norm",
    "batch_size",
    "openai_baselines",
    "gauss_newton",
    "kl",
    "throughput",
}
SEARCHED = {"grid-atari": "grid_atari", "grid-mujoco": "grid_mujoco"}


def claim(name: str) -> Claim:
    return next(claim for claim in all_claims() if claim.id == name)


@cache
def sweep(stem: str) -> Sweep:
    return load_sweep(SWEEPS / f"{stem}.yaml")


def test_ids_are_unique_and_every_statistic_is_known() -> None:
    claims = all_claims()
    assert len({claim.id for claim in claims}) == len(claims) > 200
    for one in claims:
        fewest, most = STATISTICS[one.statistic].agents
        assert fewest <= len(one.agents) <= most, one.id
        assert set(one.artefacts) <= set(artefacts().artefacts), one.id


def test_artefacts_are_the_papers_and_name_known_sweeps() -> None:
    known = artefacts()
    numbered = [f"table{i}" for i in range(1, 5)] + [f"figure{i}" for i in range(1, 10)]
    assert list(known.artefacts) == [*numbered, *SEARCHED]
    assert set(known.forms) == STEMS
    assert {stem for one in known.artefacts.values() for stem in one.sweeps} == STEMS | set(SEARCHED.values())
    assert {one.sweep for one in all_claims()} == STEMS
    assert all(any(name in one.artefacts for one in all_claims()) for name in numbered)


def test_every_experiment_is_in_an_artefact() -> None:
    used = {stem for one in artefacts().artefacts.values() for stem in one.sweeps}
    own = {"quickstart", "kfac_cost_atari", "kfac_cost_mujoco"}  # this project's, not the paper's
    assert used == {path.stem for path in SWEEPS.glob("*.yaml")} - own


@pytest.mark.parametrize(("name", "stem"), SEARCHED.items())
def test_a_search_is_that_of_its_sweep(name: str, stem: str) -> None:
    search = SEARCHES[name]
    assert artefacts().artefacts[name].sweeps == (stem,)
    assert {panel.sweep for panel in search.panels} == {stem}
    assert {panel.env_id: panel.timesteps for panel in search.panels} == {
        run.env_id: run.n_timesteps for run in sweep(stem).runs
    }


def test_a_figures_sweeps_are_those_it_is_drawn_from() -> None:
    for name, figure in FIGURES.items():
        assert set(figure.sweeps) <= set(artefacts().artefacts[name].sweeps), name


@pytest.mark.parametrize("stem", sorted(STEMS))
def test_the_sweep_has_the_runs_that_the_claims_need(stem: str) -> None:
    for form, roles in artefacts().forms[stem].items():
        for one in (one for one in all_claims() if one.sweep == stem):
            runs = [run for name in (stem, *one.beside) for run in sweep(name).runs]
            for role in one.agents:
                label = roles.get(role, role)
                for env_id in one.envs:
                    mine = [
                        run
                        for run in runs
                        if run.env_id == env_id and label == (run.label if one.batch is None else run.algo)
                    ]
                    assert mine, f"{one.id}: no {label} on {env_id} ({form})"
                    assert {run.n_timesteps for run in mine} == {one.budget}, one.id


def test_cells_are_those_of_the_paper() -> None:
    assert (claim("table1-acktr-breakout").paper, claim("table1-acktr-breakout").budget) == (
        735.7,
        50_000_000,
    )
    assert claim("table1-a2c-qbert-episode").paper == 19168
    assert claim("table1-a2c-spaceinvaders-episode").paper is None
    assert (claim("table1-trpo-pong").paper, claim("table1-trpo-pong").budget) == (-1.2, 10_000_000)
    assert claim("table2-trpo-swimmer-episode").paper == 1571
    assert claim("table2-a2c-reacher").paper == -1.7
    assert claim("table3-acktr-atari-640").paper == 852
    assert claim("table3-ratio-trpo-mujoco-1000").paper == round(593 / 624, 3)
    assert claim("table4-acktr-upndown").paper == 436665.8
    assert claim("table4-acktr-enduro").paper == 0.0
    assert [len(paper_table(number)) for number in range(1, 5)] == [6, 8, 18, 44]
    assert len([one for one in all_claims() if one.place == "Table 1"]) == 36
    assert len([one for one in all_claims() if one.place == "Table 2"]) == 48


def test_games_in_two_tables_say_how_these_differ() -> None:
    for row in paper_table(1):
        (other,) = [float(one["acktr"]) for one in paper_table(4) if one["env_id"] == row["env_id"]]
        game = row["env_id"].removesuffix("NoFrameskip-v4").lower()
        expected = "same number as a mean of 2 seeds" if float(row["acktr_reward"]) == other else "21,500.3"
        assert expected in claim(f"table4-acktr-{game}").doubt
    assert claim("table4-acktr-alien").doubt == ""


def test_levels_in_the_tables_are_the_reference_levels() -> None:
    for row in paper_table(1):
        assert float(row["human_level"]) == human_level(row["env_id"], "mnih2015")
    for row in paper_table(4):
        assert float(row["human"]) == human_level(row["env_id"], "wang2016")
    for row in paper_table(2):
        assert float(row["threshold"]) == threshold(row["env_id"], "gu2016")
        assert float(row["gym_solved_threshold"] or "nan") == pytest.approx(
            threshold(row["env_id"], "gym") or float("nan"), nan_ok=True
        )


def test_sentences_follow_from_the_tables() -> None:
    for one in all_claims():
        if one.id.startswith("table1-episodes-ratio"):
            row = next(row for row in paper_table(1) if row["env_id"] == one.envs[0])
            assert float(row["a2c_episode"]) / float(row["acktr_episode"]) == pytest.approx(
                one.paper, abs=0.05
            )
        if one.id.startswith("table1-reward-ratio"):
            row = next(row for row in paper_table(1) if row["env_id"] == one.envs[0])
            assert float(row["acktr_reward"]) / float(row["a2c_reward"]) == pytest.approx(one.paper, abs=0.01)
    table2 = {row["env_id"]: row for row in paper_table(2)}
    ant, swimmer = table2["Ant-v5"], table2["Swimmer-v5"]
    assert float(ant["trpo_episode"]) / float(ant["acktr_episode"]) == pytest.approx(
        claim("table2-ant-ratio").paper, abs=0.05
    )
    assert float(swimmer["acktr_episode"]) / float(swimmer["trpo_episode"]) == pytest.approx(
        claim("table2-swimmer-ratio").paper, abs=0.05
    )


def test_figure_2_is_slower_than_table_3() -> None:
    for agent in ("acktr", "a2c"):
        timesteps, hours = (claim(f"fig2-{what}-{agent}") for what in ("timesteps", "hours"))
        assert timesteps.paper is not None
        assert hours.paper is not None
        speed = timesteps.paper / hours.paper / 3600
        slowest = min(
            s for (algo, domain, _), s in paper_speeds().items() if (algo, domain) == (agent, "atari")
        )
        assert speed < slowest
        assert f"{speed:.0f}" in hours.doubt
        assert f"{slowest:g}" in hours.doubt


def test_on_par_with_q_learning_as_defined_gives_the_papers_36() -> None:
    floors = [(float(row["acktr"]), q_learning_floor(row["env_id"])) for row in paper_table(4)]
    assert sum(score >= floor for score, floor in floors if floor is not None) == 36
    one = claim("table4-on-par-with-q-learning")
    assert (one.quorum, len(one.envs)) == (36, 44)
    assert q_learning_floor("Ant-v5") is None


def test_the_papers_table_3_contradicts_its_own_25_percent_on_atari() -> None:
    speeds = paper_speeds()
    for domain, batches in (("atari", (80, 160, 640)), ("mujoco", (1000, 2500, 25000))):
        for batch in batches:
            one = claim(f"table3-at-most-25-percent-{domain}-{batch}")
            more = speeds["a2c", domain, batch] / speeds["acktr", domain, batch]
            assert bool(one.doubt) == (more > 1.25) == (domain == "atari")


def test_tolerance_is_a_quarter_of_the_way_from_random_play() -> None:
    assert tolerance(claim("table1-acktr-breakout")) == pytest.approx(0.25 * (735.7 - 1.7))
    assert tolerance(claim("table1-acktr-breakout-episode")) == pytest.approx(0.25 * 4094)
    assert tolerance(claim("table4-acktr-enduro")) == pytest.approx(0.25 * 0.1 * 860.5)
    assert tolerance(claim("table2-acktr-reacher")) == pytest.approx(0.25 * 1.5)
    with pytest.raises(ValueError, match="a claim with a number"):
        tolerance(claim("table1-a2c-seaquest-episode"))


VALID: dict[str, Any] = {
    "id": "x",
    "place": "Table 1",
    "says": "x",
    "kind": "direction",
    "statistic": "last_100",
    "agents": ["acktr"],
    "envs": ["Pong", "Breakout"],
    "budget": 100,
    "seeds": 2,
    "sweep": "atari6",
    "region": {"low": 0},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": None}, "region: expected for a direction"),
        ({"region": {"low": 1, "high": 1}}, "expected low < high"),
        ({"region": {}}, "at least one of them given"),
        ({"kind": "value", "region": None}, "a value is of one environment"),
        ({"quorum": 3}, "expected 1 to 2"),
        ({"any_budget": True}, "least: expected beside any_budget"),
        ({"reference": "mnih2015", "level": 3.0}, "expected one of them"),
        ({"envs": ["Pongg"]}, "did you mean PongNoFrameskip-v4"),
        ({"id": "Two Words"}, "pattern"),
        ({"regoin": 1}, "Extra inputs"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    Claim.model_validate(VALID)
    with pytest.raises(ValidationError, match=message):
        Claim.model_validate(VALID | change)


def test_an_entry_per_environment() -> None:
    entry = VALID | {"kind": "value", "region": None, "budget": "5e6", "says": "{value:g} times on {env}"}
    del entry["envs"]
    found = expanded(entry | {"per_env": {"Pong": 2.5}})
    assert [(one["id"], one["envs"], one["paper"], one["says"], one["budget"]) for one in found] == [
        ("x-pong", ["Pong"], 2.5, "2.5 times on Pong", 5_000_000)
    ]


def test_names_select_claims_and_artefacts() -> None:
    claims, wanted = select(["figure9", "table1-acktr-pong"])
    assert wanted == ("figure9",)
    assert [one.id for one in claims] == [
        "fig9-exact-near-radius",
        "fig9-exact-near-predicted",
        "table1-acktr-pong",
    ]
    assert select([]) == (all_claims(), tuple(artefacts().artefacts))
    with pytest.raises(
        UnknownClaim, match="no table, figure, search or claim 'figure33': did you mean figure3"
    ):
        select(["figure33"])
