"""Stable-Baselines3 as it comes: what this project's speed is held against."""

from __future__ import annotations

from typing import Any


def atari_envs(env_id: str, n_envs: int) -> Any:
    """SB3's ``make_atari_env`` and ``VecFrameStack`` of 4 frames."""
    import ale_py
    import gymnasium
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gymnasium.register_envs(ale_py)
    return VecFrameStack(make_atari_env(env_id, n_envs=n_envs, seed=0), n_stack=4)


def mujoco_envs(env_id: str, *, normalize: bool) -> Any:
    """SB3's ``make_vec_env`` of one environment, in a ``VecNormalize`` if asked for."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    venv = make_vec_env(env_id, n_envs=1, seed=0)
    return VecNormalize(venv) if normalize else venv


def a2c_atari(env_id: str) -> Any:
    """SB3's A2C, 16 environments and 5 steps, with the network that the paper's A2C has here."""
    from stable_baselines3 import A2C

    policy_kwargs = {"features_extractor_class": _paper_cnn(), "net_arch": []}
    envs = atari_envs(env_id, n_envs=16)
    return A2C("CnnPolicy", envs, n_steps=5, ent_coef=0.01, policy_kwargs=policy_kwargs, seed=0, device="cpu")


def a2c_mujoco(env_id: str, n_steps: int, *, normalize: bool) -> Any:
    """SB3's A2C with its own ``MlpPolicy`` (separate 64-64, tanh) on one environment."""
    from stable_baselines3 import A2C

    return A2C("MlpPolicy", mujoco_envs(env_id, normalize=normalize), n_steps=n_steps, seed=0, device="cpu")


def _paper_cnn() -> type[Any]:
    """SB3's ``NatureCNN`` with 32 filters in the third layer instead of 64 (Appendix A.1)."""
    from stable_baselines3.common.torch_layers import NatureCNN
    from torch import nn

    class PaperCNN(NatureCNN):
        def __init__(self, observation_space: Any) -> None:
            super().__init__(observation_space)
            self.cnn[4] = nn.Conv2d(64, 32, 3, 1)
            self.linear[0] = nn.Linear(32 * 7 * 7, 512)

    return PaperCNN
