"""ACKTR: actor-critic using Kronecker-factored trust region (Wu et al., 2017)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from gymnasium import spaces
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.type_aliases import GymEnv, RolloutBufferSamples, Schedule
from torch import Tensor
from torch.nn import functional

from algos.acktr_heads import (
    ActorView,
    CriticView,
    JointView,
    action_distribution,
    explained_variance,
    output_distribution,
    preprocess,
    shares_parameters,
)
from algos.hyperparameters import CriticOptions, KFACOptions
from algos.kfac import KFAC, Gaussian, OutputDistribution, RunningSigma, realised_kl
from algos.kfac.trust_region import as_outputs
from algos.networks import PAPER_POLICIES
from algos.schedules import ScheduleData, as_callable


class ACKTR(OnPolicyAlgorithm):
    """Natural gradient by K-FAC for actor and critic, each step scaled into a trust region.

    One update per rollout of ``n_envs * n_steps`` timesteps (section 3). Where actor and critic share
    parameters, one optimizer works on the Fisher matrix of the joint distribution
    ``p(a, v | s) = pi(a | s) N(v; V(s), sigma^2)``; where they do not, each has its own, with its own
    ``eta_max`` and ``delta`` (section 3.2). The step is ``eta = min(eta_max, sqrt(2 delta / step' F step))``.

    Args:
        policy: policy class or alias: ``MlpPolicy``, ``CnnPolicy``, ``MultiInputPolicy``, and the paper's
            ``PaperMlpPolicy`` and ``PaperCnnPolicy``.
        env: environment, or its gymnasium id.
        eta_max: maximum step size, a number or a schedule of SB3's ``progress_remaining``.
        delta: trust-region radius in nats, a number or a schedule.
        n_steps: timesteps per environment and rollout.
        gamma: discount.
        gae_lambda: 1 gives the k-step returns of section 2.1.
        ent_coef: weight of the entropy bonus (0.01 on Atari, Appendix A.1).
        vf_coef: weight of the mean squared value error on a shared network; 0.5 is the paper's half.
        normalize_advantage: standardise advantages within a batch.
        critic_sigma: standard deviation of the critic's output distribution (section 3.1): 1 is vanilla
            Gauss-Newton; ``"adaptive"`` follows the standard deviation of the Bellman error (Appendix D).
        kfac_kwargs: :class:`algos.hyperparameters.KFACOptions` as a mapping.
        critic_kwargs: :class:`algos.hyperparameters.CriticOptions` as a mapping; used when the critic shares
            nothing with the actor.
        kl_interval: updates between measurements of the realised KL divergence (one forward pass each).
        stats_window_size: episodes averaged in the log.
        tensorboard_log: TensorBoard directory.
        policy_kwargs: passed to the policy.
        verbose: 0 or 1.
        seed: seeds python, numpy, torch, the environments and the action space.
        device: ``cpu``, ``cuda`` or ``auto``.
        _init_setup_model: whether to build the networks now.

    Raises:
        pydantic.ValidationError: an unknown or invalid key in ``kfac_kwargs`` or ``critic_kwargs``.
        ValueError: a batch of one timestep, an optimizer class in ``policy_kwargs``, a bad ``critic_sigma``.
        algos.kfac.KFACError: the policy has a layer that K-FAC does not cover.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": ActorCriticPolicy,
        "CnnPolicy": ActorCriticCnnPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
        **PAPER_POLICIES,
    }
    critic_optimizer: KFAC | None

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        eta_max: ScheduleData | Schedule = 0.25,
        delta: ScheduleData | Schedule = 0.001,
        n_steps: int = 20,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        normalize_advantage: bool = False,
        critic_sigma: float | Literal["adaptive"] = 1.0,
        kfac_kwargs: dict[str, Any] | None = None,
        critic_kwargs: dict[str, Any] | None = None,
        kl_interval: int = 10,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate=as_callable(eta_max),
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=float("inf"),
            use_sde=False,
            sde_sample_freq=-1,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            device=device,
            seed=seed,
            _init_setup_model=False,
            supported_action_spaces=(
                spaces.Box,
                spaces.Discrete,
                spaces.MultiDiscrete,
                spaces.MultiBinary,
            ),
        )
        if "optimizer_class" in self.policy_kwargs:
            raise ValueError("policy_kwargs: ACKTR's optimizer is K-FAC; remove optimizer_class")
        if self.env is not None and n_steps * self.n_envs < 2:
            raise ValueError(f"n_steps * n_envs is {n_steps * self.n_envs}; ACKTR needs at least 2 timesteps")
        if critic_sigma != "adaptive" and not (isinstance(critic_sigma, int | float) and critic_sigma > 0):
            raise ValueError(f"critic_sigma is {critic_sigma!r}; expected a positive number or 'adaptive'")
        self.normalize_advantage = normalize_advantage
        self.delta = as_callable(delta)
        self.kfac_kwargs = KFACOptions.model_validate(kfac_kwargs or {}).model_dump()
        self.critic_kwargs = CriticOptions.model_validate(critic_kwargs or {}).model_dump()
        self.kl_interval = kl_interval
        self.critic_sigma = critic_sigma
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        policy, seed = self.policy, self.seed or 0
        self.running_sigma = RunningSigma().to(self.device) if self.critic_sigma == "adaptive" else None
        self.shares_parameters = shares_parameters(policy)
        view = JointView(policy) if self.shares_parameters else ActorView(policy)
        free = {"log_std": 2.0} if hasattr(view, "log_std") else None  # Fisher information of a log-std
        policy.optimizer = KFAC(
            view, lr=self.lr_schedule(1.0), delta=self.delta(1.0), free=free, seed=seed, **self.kfac_kwargs
        )
        self.critic_optimizer = None
        if not self.shares_parameters:
            options = self.critic_kwargs
            self.critic_optimizer = KFAC(
                CriticView(policy),
                lr=as_callable(options["eta_max"])(1.0),
                delta=as_callable(options["delta"])(1.0),
                step_rule=options["step_rule"],
                seed=seed,
                **options["kfac_kwargs"],
            )

    def train(self) -> None:
        """One update from the rollout buffer; logs under ``train/``."""
        self.policy.set_training_mode(True)
        self._update_radius_and_step_size()
        batch = next(self.rollout_buffer.get(batch_size=None))
        observations = preprocess(self.policy, batch.observations)
        self._update_actor(observations, batch)
        if self.critic_optimizer is not None:
            self._update_critic(self.critic_optimizer, observations, batch)
        self.logger.record("train/n_updates", self._n_updates + 1, exclude="tensorboard")
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", self.policy.log_std.detach().exp().mean().item())
        self._n_updates += 1

    def _update_radius_and_step_size(self) -> None:
        progress = self._current_progress_remaining
        self._update_learning_rate(self.policy.optimizer)
        _set_groups(self.policy.optimizer, delta=self.delta(progress))
        if self.critic_optimizer is not None:
            eta_max, delta = (as_callable(self.critic_kwargs[name]) for name in ("eta_max", "delta"))
            _set_groups(self.critic_optimizer, lr=eta_max(progress), delta=delta(progress))

    def _update_actor(self, observations: Any, batch: RolloutBufferSamples) -> None:
        """One step of the actor, or of the whole network where it is shared."""
        optimizer = self.policy.optimizer
        assert isinstance(optimizer, KFAC)
        with optimizer.record():
            outputs = as_outputs(optimizer.model(observations))
        heads: list[OutputDistribution] = [output_distribution(self.policy, outputs[0])]
        loss = self._policy_loss(outputs[0], batch)
        if self.shares_parameters:
            heads.append(self._value_distribution(outputs[1], batch))
            loss = loss + self.vf_coef * self._value_loss(outputs[1], batch)
        optimizer.observe(outputs, distributions=heads)
        old = heads[0].detach()
        self._descend(optimizer, loss)
        self._log_step(optimizer, "train/")
        if self.kl_interval > 0 and self._n_updates % self.kl_interval == 0:
            with torch.no_grad():
                new = output_distribution(self.policy, as_outputs(optimizer.model(observations))[0])
            self.logger.record("train/kl_exact", realised_kl([old], [new]).item())

    def _update_critic(self, optimizer: KFAC, observations: Any, batch: RolloutBufferSamples) -> None:
        """``n_updates`` full-batch steps of a critic of its own."""
        for update in range(self.critic_kwargs["n_updates"]):
            with optimizer.record():
                values = optimizer.model(observations)
            head = self._value_distribution(values, batch)
            optimizer.observe(values, distributions=[head])
            loss = 0.5 * self._value_loss(values, batch, log=update == 0) / head.sigma.square()
            self._descend(optimizer, loss)
        self._log_step(optimizer, "train/critic_")

    def _policy_loss(self, parameters: Tensor, batch: RolloutBufferSamples) -> Tensor:
        """Policy-gradient loss (section 2.1) minus the entropy bonus; 0-d."""
        distribution = action_distribution(self.policy, parameters)
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        advantages = batch.advantages
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        policy_loss = -(advantages * distribution.log_prob(actions)).mean()
        entropy = distribution.entropy()
        assert entropy is not None
        entropy_loss = -entropy.mean()
        self.logger.record("train/policy_loss", policy_loss.item())
        self.logger.record("train/entropy_loss", entropy_loss.item())
        return policy_loss + self.ent_coef * entropy_loss

    def _value_distribution(self, values: Tensor, batch: RolloutBufferSamples) -> Gaussian:
        """The critic's output distribution for values ``[B, 1]``."""
        if self.running_sigma is None:
            return Gaussian(values, float(self.critic_sigma))
        sigma = self.running_sigma(batch.returns - values.detach().flatten())
        self.logger.record("train/critic_sigma", sigma.item())
        return Gaussian(values, sigma)

    def _value_loss(self, values: Tensor, batch: RolloutBufferSamples, log: bool = True) -> Tensor:
        """Mean squared error of values ``[B, 1]`` against the returns; 0-d."""
        value_loss = functional.mse_loss(values.flatten(), batch.returns)
        if log:
            explained = explained_variance(values.detach().flatten(), batch.returns)
            self.logger.record("train/value_loss", value_loss.item())
            self.logger.record("train/explained_variance", explained.item())
        return value_loss

    @staticmethod
    def _descend(optimizer: KFAC, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def _log_step(self, optimizer: KFAC, prefix: str) -> None:
        last, counters = optimizer.last, optimizer.counters
        if last:
            self.logger.record(f"{prefix}eta_effective", last["eta"].item())
            self.logger.record(f"{prefix}kl_predicted", last["predicted_kl"].item())
            self.logger.record_mean(f"{prefix}clipped", float(last["clipped"]))
        self.logger.record(f"{prefix}skipped_steps", int(counters["skipped_steps"]))
        self.logger.record(f"{prefix}kept_inverses", int(counters["kept_inverses"]))

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "critic_optimizer", "running_sigma"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names = ["policy", "policy.optimizer"]
        if self.critic_optimizer is not None:
            names.append("critic_optimizer")
        if self.running_sigma is not None:
            names.append("running_sigma")
        return names, []


def _set_groups(optimizer: torch.optim.Optimizer, **values: float) -> None:
    for group in optimizer.param_groups:
        group.update(values)
