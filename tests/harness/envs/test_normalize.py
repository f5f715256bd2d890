from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stable_baselines3.common.running_mean_std import RunningMeanStd

from harness.envs import GymProtocol, MujocoProtocol
from harness.envs.make import make_vec_env
from harness.envs.normalize import Normalizer, RunningMoments

FLOATS = st.floats(-1e3, 1e3, width=32)


@given(
    st.lists(hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=FLOATS), min_size=1)
)
def test_moments_agree_with_sb3(batches: list[np.ndarray]) -> None:
    ours, theirs = RunningMoments((3,)), RunningMeanStd(shape=(3,))
    for batch in batches:
        ours.update(batch)
        theirs.update(batch)
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.var, theirs.var, rtol=1e-9, atol=1e-9)
    assert ours.count == pytest.approx(theirs.count)


def test_moments_approach_those_of_the_data() -> None:
    data = np.random.default_rng(0).normal(3.0, 2.0, size=(2000, 4))
    moments = RunningMoments((4,))
    for row in data:
        moments.update(row[None])
    np.testing.assert_allclose(moments.mean, data.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(moments.var, data.var(axis=0), rtol=1e-5)


def test_observations_are_clipped_float32_and_the_input_is_left_alone() -> None:
    normalizer = Normalizer(2, (3,), clip_obs=1.5, clip_reward=None, gamma=0.99)
    raw = np.array([[1e6, -1e6, 0.5]] * 2)
    before = raw.copy()
    shown = normalizer.observations(raw)
    np.testing.assert_array_equal(raw, before)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, [[1.5, -1.5, 0.5]] * 2)


def test_the_discounted_return_restarts_with_an_episode() -> None:
    normalizer = Normalizer(2, (1,), clip_obs=None, clip_reward=10.0, gamma=0.5)
    ones = np.ones(2)
    normalizer.rewards(ones, np.array([False, False]), learn=True)
    normalizer.rewards(ones, np.array([True, False]), learn=True)
    np.testing.assert_allclose(normalizer.state_dict()["discounted"], [0.0, 1.5])
    normalizer.restart()
    np.testing.assert_allclose(normalizer.state_dict()["discounted"], [0.0, 0.0])


def test_without_learning_nothing_changes() -> None:
    normalizer = Normalizer(1, (1,), clip_obs=10.0, clip_reward=10.0, gamma=0.9)
    before = normalizer.state_dict()
    normalizer.observations(np.array([[3.0]]))
    normalizer.rewards(np.array([2.0]), np.array([False]), learn=False)
    for key, value in normalizer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_state_round_trip_also_into_another_number_of_environments() -> None:
    source = Normalizer(3, (2,), clip_obs=10.0, clip_reward=10.0, gamma=0.9)
    rng = np.random.default_rng(0)
    for _ in range(5):
        source.learn_observations(rng.normal(size=(3, 2)))
        source.rewards(rng.normal(size=3), np.zeros(3, dtype=bool), learn=True)
    state = source.state_dict()
    same = Normalizer(3, (2,), clip_obs=10.0, clip_reward=10.0, gamma=0.9)
    same.load_state_dict(state)
    for key, value in same.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    single = Normalizer(1, (2,), clip_obs=10.0, clip_reward=10.0, gamma=0.9)
    single.load_state_dict(state)
    probe = rng.normal(size=(1, 2))
    np.testing.assert_array_equal(single.observations(probe), source.observations(probe))
    assert single.state_dict()["discounted"].shape == (1,)


def test_the_state_of_another_protocol_is_refused() -> None:
    state = Normalizer(1, (2,), clip_obs=10.0, clip_reward=None, gamma=0.9).state_dict()
    with pytest.raises(ValueError, match="another protocol"):
        Normalizer(1, (2,), clip_obs=10.0, clip_reward=10.0, gamma=0.9).load_state_dict(state)
    with pytest.raises(ValueError, match=r"'obs_mean' has shape \(2,\), expected \(3,\)"):
        Normalizer(1, (3,), clip_obs=10.0, clip_reward=None, gamma=0.9).load_state_dict(state)


def test_normalising_discrete_observations_is_refused() -> None:
    with pytest.raises(ValueError, match="normalize_obs needs a Box observation space, this one is Discrete"):
        make_vec_env("FrozenLake-v1", GymProtocol(normalize_obs=True), 1, 0)


def test_the_normalised_space_holds_what_is_shown() -> None:
    venv = make_vec_env("InvertedPendulum", MujocoProtocol(clip_obs=0.5), 2, 0)
    assert isinstance(venv.observation_space, spaces.Box)
    shown = [venv.reset()] + [venv.step(np.full((2, 1), 3.0, np.float32))[0] for _ in range(20)]
    assert all(venv.observation_space.contains(row) for batch in shown for row in batch)
    venv.close()
