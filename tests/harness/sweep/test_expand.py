"""From a sweep as written to its runs: order, precedence, grids, seeds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.envs import AtariStickyProtocol, MujocoPixelsProtocol, MujocoProtocol
from harness.spec import RunSpec, SpecError
from harness.sweep.document import SweepSpec
from harness.sweep.expand import expand, load_sweep
from harness.yaml_source import Document


def runs_of(**content: Any) -> list[RunSpec]:
    data = {
        "name": "s",
        "n_timesteps": 1000,
        "seeds": 1,
        "envs": ["InvertedPendulum-v5"],
        "algos": ["acktr"],
        **content,
    }
    return expand(SweepSpec.model_validate(data), Document("s.yaml", data))


def test_order_is_environment_algo_grid_point_seed() -> None:
    runs = runs_of(
        envs=["Pong", "Hopper-v5"],
        algos={
            "acktr": {"grid": {"gamma": [0.9, 0.8], "kfac_kwargs.damping": [0.1, 0.2]}},
            "a2c": {"zip": {"n_envs": [2, 4], "n_steps": [8, 6]}},
        },
        seeds=[3, 1],
    )
    described = [
        (
            run.env_id,
            run.algo,
            (run.hyperparameters["gamma"], run.hyperparameters["kfac_kwargs"]["damping"])
            if run.algo == "acktr"
            else (run.hyperparameters["n_envs"], run.hyperparameters["n_steps"]),
            run.seed,
        )
        for run in runs
    ]
    acktr = [("acktr", point) for point in [(0.9, 0.1), (0.9, 0.2), (0.8, 0.1), (0.8, 0.2)]]
    a2c = [("a2c", point) for point in [(2, 8), (4, 6)]]
    assert described == [
        (env_id, algo, point, seed)
        for env_id in ("PongNoFrameskip-v4", "Hopper-v5")
        for algo, point in acktr + a2c
        for seed in (3, 1)
    ]


@given(
    n_seeds=st.integers(1, 4),
    grids=st.dictionaries(
        st.sampled_from(["gamma", "gae_lambda", "vf_coef", "kfac_kwargs.damping"]),
        st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3, unique=True),
        min_size=1,
        max_size=3,
    ),
    n_zipped=st.integers(1, 3),
)
def test_the_number_of_runs_is_the_product(
    n_seeds: int, grids: dict[str, list[float]], n_zipped: int
) -> None:
    n_envs = list(range(1, n_zipped + 1))
    runs = runs_of(
        seeds=n_seeds, grid=grids, zip={"n_envs": n_envs, "n_steps": n_envs}, envs=["Pong", "Hopper-v5"]
    )
    points = n_zipped
    for values in grids.values():
        points *= len(values)
    assert len(runs) == 2 * points * n_seeds
    assert len({(run.env_id, run.identity, run.seed) for run in runs}) == len(runs)
    assert len({run.identity for run in runs}) == 2 * points


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        (3, [0, 1, 2]),
        ([5, 2], [5, 2]),
        ({"start": 10, "count": 3}, [10, 11, 12]),
        ({"start": 10, "count": "1e0"}, [10]),
    ],
)
def test_seeds(seeds: Any, expected: list[int]) -> None:
    assert [run.seed for run in runs_of(seeds=seeds)] == expected


LAYERS: list[tuple[str, float, dict[str, Any]]] = [
    ("env", 0.1, {"envs": {"Hopper": {"hyperparameters": {"gamma": 0.1}}}}),
    ("algo", 0.2, {"algos": {"acktr": {"hyperparameters": {"gamma": 0.2}}}}),
    ("algo.envs", 0.3, {"algos": {"acktr": {"envs": {"Hopper-v5": {"hyperparameters": {"gamma": 0.3}}}}}}),
    ("grid", 0.4, {"grid": {"gamma": [0.4]}}),
]


def merged(layers: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            result[key] = merged([old, value]) if isinstance(old, dict) else value
    return result


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_later_layers_win(count: int) -> None:
    content = merged([{"envs": ["Hopper"]}] + [layer for _, _, layer in LAYERS[:count]])
    (run,) = runs_of(**content)
    assert run.hyperparameters["gamma"] == LAYERS[count - 1][1]


def test_layers_merge_nested_hyperparameters_key_by_key() -> None:
    (run,) = runs_of(
        envs={"Hopper": {"hyperparameters": {"kfac_kwargs": {"momentum": 0.5, "stats_decay": 0.5}}}},
        algos={"acktr": {"hyperparameters": {"kfac_kwargs": {"momentum": 0.6}}}},
        grid={"kfac_kwargs.damping": [0.7]},
    )
    (plain,) = runs_of(envs=["Hopper"])
    expected = {"momentum": 0.6, "stats_decay": 0.5, "damping": 0.7}
    assert run.hyperparameters["kfac_kwargs"] == {**plain.hyperparameters["kfac_kwargs"], **expected}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, 1000),
        ({"envs": {"Hopper": {"n_timesteps": "2e3"}}}, 2000),
        ({"envs": {"Hopper": {"n_timesteps": 2000}}, "algos": {"acktr": {"n_timesteps": 3e3}}}, 3000),
        (
            {
                "envs": {"Hopper": {"n_timesteps": 2000}},
                "algos": {"acktr": {"n_timesteps": 3000, "envs": {"Hopper": {"n_timesteps": 4000}}}},
            },
            4000,
        ),
    ],
)
def test_n_timesteps_of_the_nearest_block(content: dict[str, Any], expected: int) -> None:
    (run,) = runs_of(**{"envs": ["Hopper"], **content})
    assert run.n_timesteps == expected


def test_a_protocol_is_chosen_for_the_sweep_or_for_an_environment() -> None:
    (whole,) = runs_of(protocol="mujoco-pixels", envs=["Hopper"])
    assert whole.protocol == MujocoPixelsProtocol()
    assert whole.hyperparameters["policy"] == "PaperPixelsPolicy"
    pong, breakout, hopper = runs_of(
        envs={
            "Pong": {"protocol": "atari-sticky"},
            "Breakout": {"protocol": {"name": "atari-sticky", "frame_skip": 2}},
            "Hopper": None,
        },
        protocols={"atari-sticky": {"full_action_space": True}, "atari": {"noop_max": 0}},
    )
    assert pong.protocol == AtariStickyProtocol(full_action_space=True)
    assert breakout.protocol == AtariStickyProtocol(full_action_space=True, frame_skip=2)
    assert hopper.protocol == MujocoProtocol()
    mixed = runs_of(protocol="atari", envs={"Pong": None, "Hopper": {"protocol": "mujoco"}})
    assert [run.protocol.name for run in mixed] == ["atari", "mujoco"]


def test_the_protocol_is_part_of_the_identity() -> None:
    plain, sticky = (runs_of(protocol=name, envs=["Pong"])[0] for name in (None, "atari-sticky"))
    assert plain.hyperparameters == sticky.hyperparameters
    assert plain.identity != sticky.identity
    also_plain = runs_of(protocol="atari", envs=["Pong"])[0]
    assert also_plain.identity == plain.identity


def test_protocols_are_overridden_by_name_then_by_environment() -> None:
    pong, breakout, hopper = runs_of(
        envs={"Pong": None, "Breakout": {"protocol": {"noop_max": 5}}, "Hopper": {}},
        protocols={"atari": {"noop_max": 0, "repeat_action_probability": "0.25"}},
    )
    assert (pong.protocol.noop_max, pong.protocol.repeat_action_probability) == (0, 0.25)
    assert (breakout.protocol.noop_max, breakout.protocol.repeat_action_probability) == (5, 0.25)
    assert hopper.protocol.name == "mujoco"


def test_two_variants_of_one_agent_have_labels() -> None:
    plain, small = runs_of(
        algos={"acktr": None, "small": {"algo": "acktr", "hyperparameters": {"n_envs": 3}}}
    )
    assert [(run.label, run.algo) for run in (plain, small)] == [("acktr", "acktr"), ("small", "acktr")]
    assert plain.identity != small.identity


def test_a_preset_is_the_lowest_layer() -> None:
    paper, tuned = runs_of(algos={"paper": {"algo": "acktr", "preset": "paper"}, "acktr": {}})
    assert paper.hyperparameters["n_steps"] == 2500
    assert tuned.hyperparameters["n_steps"] == 1000


def test_a_setting_is_resolved_once_for_all_its_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    from algos.registry import Agent

    calls: list[str] = []
    resolve = Agent.resolve
    monkeypatch.setattr(
        Agent, "resolve", lambda self, *a, **k: calls.append(self.name) or resolve(self, *a, **k)
    )
    runs = runs_of(seeds=5000, algos=["acktr", "a2c"])
    assert len(runs) == 10_000
    assert calls == ["acktr", "a2c"]


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        ({"grid": {"gamma": [0.9, 0.9]}}, ["gamma=0.9", "are the same run"]),
        (
            {"algos": {"a": {"algo": "acktr"}, "b": {"algo": "acktr"}}},
            ["algo a", "algo b", "are the same run"],
        ),
        (
            {"algos": {"acktr": {}, "b": {"algo": "acktr", "hyperparameters": {"n_steps": 1e3}}}},
            ["algo acktr", "algo b"],
        ),
    ],
)
def test_equal_runs_are_refused_with_both_their_sources(
    content: dict[str, Any], fragments: list[str]
) -> None:
    with pytest.raises(SpecError) as caught:
        runs_of(**content)
    assert all(fragment in str(caught.value) for fragment in fragments)


def test_different_runs_with_one_identity_are_not_called_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.spec.identity_of", lambda content: "00000000")
    with pytest.raises(SpecError, match="same identity by chance"):
        runs_of(grid={"gamma": [0.9, 0.8]})


def test_load_takes_the_name_from_the_file_and_applies_overrides(tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_text(yaml.safe_dump({"n_timesteps": 10, "seeds": 1, "envs": ["Hopper"], "algos": ["a2c"]}))
    sweep = load_sweep(path, ["seeds=2", "algos={a2c: {n_timesteps: 1e3}}", "device=cuda", "description=why"])
    assert (sweep.name, sweep.device, sweep.description) == ("quick", "cuda", "why")
    assert [(run.seed, run.n_timesteps) for run in sweep.runs] == [(0, 1000), (1, 1000)]
    assert load_sweep(path, ["name=other"]).name == "other"


def test_the_checkpoint_interval_is_no_part_of_what_a_run_is(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("n_timesteps: 1e3\nseeds: 1\nenvs: [CartPole-v1]\nalgos: [a2c]\n")
    plain, often = load_sweep(path), load_sweep(path, ["checkpoint_seconds=30"])
    assert (plain.checkpoint_seconds, often.checkpoint_seconds) == (None, 30.0)
    assert plain.runs == often.runs
    with pytest.raises(SpecError, match=r"checkpoint_seconds: expected a number >= 0"):
        load_sweep(path, ["checkpoint_seconds=-1"])


def test_planning_loads_neither_torch_nor_gymnasium(tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_text("n_timesteps: 1e6\nseeds: 2\nenvs: [Pong, Hopper]\nalgos: [acktr, a2c, trpo]\n")
    code = (
        "import sys; from pathlib import Path; from harness.sweep.expand import load_sweep;"
        "from harness.sweep.plan import make_plan;"
        f"sweep = load_sweep(Path({str(path)!r})); plan = make_plan(sweep.runs, Path('none'), 'x');"
        "print(len(plan.to_run), sorted({'torch', 'gymnasium', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "12 []\n"
