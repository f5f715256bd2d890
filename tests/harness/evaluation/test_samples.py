"""What "sampled" means: new noise under gSDE, and agents that have nothing to sample."""

from __future__ import annotations

import pytest
import torch
from stable_baselines3.common.utils import set_random_seed

from algos.registry import get_agent
from harness.envs import GymProtocol
from harness.envs.make import make_vec_env
from harness.evaluation.evaluate import Settings, evaluate
from harness.evaluation.play import play_episodes, samples_actions
from harness.records import RunRecord
from harness.spec import SpecError


@pytest.mark.parametrize(("name", "inside"), [("ppo", "policy"), ("sac", "actor"), ("tqc", "actor")])
def test_noise_under_gsde_is_of_the_trained_size_and_of_the_evaluations_seed(name: str, inside: str) -> None:
    venv = make_vec_env("Pendulum-v1", GymProtocol(), 2, 7, training=False)
    agent = get_agent(name).load()("MlpPolicy", venv, use_sde=True, seed=0, device="cpu")

    def returns(seed: int, *, deterministic: bool = False) -> list[float]:
        fresh = make_vec_env("Pendulum-v1", GymProtocol(), 2, 7, training=False)
        set_random_seed(seed)
        played = play_episodes(agent, fresh, 7, 4, deterministic=deterministic)
        fresh.close()
        return [episode.episode_return for episode in played.episodes]

    first = returns(1)
    assert returns(1) == first
    assert returns(2) != first
    with torch.no_grad():
        getattr(agent, inside).log_std.fill_(-30.0)  # what a training may have come to
    assert returns(1) == pytest.approx(returns(1, deterministic=True), rel=1e-3)
    venv.close()


@pytest.mark.parametrize("name", ["dqn", "qrdqn", "td3", "ddpg", "ars", "ppo", "sac", "a2c"])
def test_agents_that_only_explore_in_training_are_known(name: str) -> None:
    env_id = "CartPole-v1" if name in ("dqn", "qrdqn") else "Pendulum-v1"
    venv = make_vec_env(env_id, GymProtocol(), 1, 0, training=False)
    agent = get_agent(name).load()("MlpPolicy", venv, device="cpu")
    venv.close()
    assert samples_actions(agent) == (name in ("ppo", "sac", "a2c"))


def test_an_evaluation_says_that_dqn_was_not_sampled(dqn: RunRecord) -> None:
    by_default = evaluate(dqn, Settings(n_episodes=2))
    assert by_default.actions == "deterministic"
    assert by_default.episodes == evaluate(dqn, Settings(n_episodes=2, deterministic=True)).episodes
    with pytest.raises(SpecError, match="--sampled: agent dqn has no actions to sample"):
        evaluate(dqn, Settings(n_episodes=2, deterministic=False))
