"""ACKTR: actor-critic using Kronecker-factored trust region (Wu et al., 2017)."""

from __future__ import annotations

import io
import pathlib
from contextlib import nullcontext
from typing import Any, ClassVar, Literal, Self

import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.type_aliases import GymEnv, RolloutBufferSamples, Schedule
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.nn import functional

from algos import hyperparameters
from algos.acktr.critic import (
    EuclideanCritic,
    GaussNewtonCritic,
    SeparateCritic,
    descend,
    set_momentum_and_damping,
    set_trust_region,
)
from algos.acktr.form import check_policy, check_policy_kwargs, is_joint, weighted_momentum
from algos.acktr.heads import ActorView, JointView, output_distribution
from algos.acktr.loss import policy_loss
from algos.acktr.model_format import FORMAT, KEY, check_form, check_format
from algos.acktr.radius import AdvantageRadius
from algos.acktr.refusal import finite_actor, finite_features, non_finite_arrays
from algos.acktr.step_size import adapted_factor
from algos.acktr.update_log import Log, fit_log, numbers, step_log
from algos.acting import LightActor
from algos.errors import RefusedUpdates
from algos.kept_graphs import KeptGraphs, can_keep_graphs
from algos.kfac import KFAC, Gaussian, OutputDistribution, RunningSigma, realised_kl
from algos.kfac.trust_region import as_outputs
from algos.networks import PAPER_POLICIES
from algos.options import validated
from algos.rollouts import LeanRolloutBuffer, LightRollouts
from algos.schedules import ScheduleData, named_schedule, value_at
from algos.validation import unvalidated

OTHERWISE_CHECKED = {"n_envs", "policy", "policy_kwargs", "eta_max", "delta"}
CHECKED = tuple(name for name in hyperparameters.ACKTR.model_fields if name not in OTHERWISE_CHECKED)
"""Constructor arguments that :class:`algos.hyperparameters.ACKTR` checks."""


class ACKTR(LightRollouts):
    """Natural gradient by K-FAC for actor and critic, each step scaled into a trust region.

    One update per rollout of ``n_envs * n_steps`` timesteps (section 3). Where actor and critic share
    parameters, one optimizer works on the Fisher matrix of the joint distribution
    ``p(a, v | s) = pi(a | s) N(v; V(s), sigma^2)``; where they do not, each has its own, with its own
    ``eta_max`` and ``delta`` (section 3.2). The step is ``eta = min(eta_max, sqrt(2 delta / step' F step))``.
    A Euclidean critic (section 5.3) follows a first-order method, on a shared network too: the actor's Fisher
    matrix is then that of the policy alone, and the critic's own steps move the trunk and the value head.

    Args:
        policy: policy class or alias: ``MlpPolicy``, ``CnnPolicy``, ``MultiInputPolicy``, and the paper's
            ``PaperMlpPolicy`` and ``PaperCnnPolicy``.
        env: environment, or its gymnasium id.
        eta_max: maximum step size, a number or a schedule of SB3's ``progress_remaining``; ``eta_max``.
        delta: trust-region radius in nats, a number or a schedule; ``delta``.
        n_steps: timesteps per environment and rollout; ``k`` of the k-step returns (section 2.1).
        gamma: discount; ``gamma``.
        gae_lambda: 1 gives the k-step returns of section 2.1.
        ent_coef: weight of the entropy bonus (0.01 on Atari, Appendix A.1).
        vf_coef: weight of the mean squared value error where actor and critic are updated together (section
            3.2, no symbol); 0.5 is the half of ``1/2 (R - V)^2`` (section 2.1).
        normalize_advantage: standardise advantages within a batch.
        adaptive_delta: shrink ``delta`` for batches whose advantages are small against those before, and
            where the average of steps stands for few of them; weigh standardised advantages in that average
            (:class:`algos.acktr.radius.AdvantageRadius`). Not in the paper.
        critic_sigma: standard deviation of the critic's output distribution (section 3.1); ``sigma``. 1 is
            vanilla Gauss-Newton; ``"adaptive"`` follows the standard deviation of the Bellman error, taken in
            once per rollout (Appendix D).
        kfac_kwargs: options of the actor's (or the joint) K-FAC:

            - ``momentum``, ``momentum_order``: averaging of steps; none in the paper.
            - ``damping``: ``lambda`` of Tikhonov damping, ``damping_mode`` how it enters ``F``: ``factored``
              into ``A`` and ``S`` (section 3.1), or ``eigen`` (released code).
            - ``metric``: the ``F`` of ``step' F step`` in ``eta``: ``kfac`` is the paper's ``A kron S``,
              ``damped`` adds the damping (released code), ``exact`` is the batch's Fisher matrix, from
              ``metric_batch`` examples.
            - ``stats_decay``: decay of the running ``A = E[a a']`` and ``S = E[g g']`` (section 2.2);
              ``stats_every``, ``stats_batch``, ``stats_patches``: how often, and from how many examples and
              image patches.
            - ``inverse_every``: updates between inverses of ``A`` and ``S``; ``inverse_lag``,
              ``inverse_background``: asynchronous inverses (section 3.1).
        critic_kwargs: options of a critic that is updated apart from the actor:

            - ``norm``: ``B`` of section 2.2 for the critic: ``gauss_newton`` (``G = E[J'J]``, section 3.1) or
              ``euclidean`` (``I``, section 5.3).
            - ``n_updates``: full-batch steps per rollout; 1 in the paper.
            - for ``gauss_newton``: ``eta_max`` and ``delta`` (the critic's own set of section 3.2),
              ``step_rule`` and ``kfac_kwargs`` (as above, ``momentum`` 0 by default).
            - for ``euclidean``: ``optimizer``, ``learning_rate`` and ``max_grad_norm``; those of A2C by
              default.
        target_kl: realised KL in nats to which ``eta_max`` is adapted from update to update, as in the
            released MuJoCo code; None leaves it alone. Costs one forward pass per update.
        kl_interval: updates between measurements of the realised KL divergence (Appendix E); 0: never.
        max_refused: updates refused in a row, for NaN or infinity in their rollouts, that end training.
        stats_window_size: episodes averaged in the log.
        tensorboard_log: TensorBoard directory.
        policy_kwargs: passed to the policy.
        verbose: 0 or 1.
        seed: seeds python, numpy, torch, the environments and the action space.
        device: ``cpu``, ``cuda`` or ``auto``.
        _init_setup_model: whether to build the networks now.

    Raises:
        ValueError: an unknown or invalid option, one that the chosen form does not use, a negative schedule,
            a batch of one timestep, a policy or policy argument that is not supported (gSDE).
        algos.kfac.KFACError: the policy has a layer that K-FAC does not cover.
        algos.errors.RefusedUpdates: by ``learn``, see ``max_refused``.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": ActorCriticPolicy,
        "CnnPolicy": ActorCriticCnnPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
        **PAPER_POLICIES,
    }
    _graphs: KeptGraphs | None = None

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
        adaptive_delta: bool = False,
        critic_sigma: float | Literal["adaptive"] = 1.0,
        kfac_kwargs: dict[str, Any] | None = None,
        critic_kwargs: dict[str, Any] | None = None,
        target_kl: float | None = None,
        kl_interval: int = 10,
        max_refused: int = 10,
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
            learning_rate=named_schedule("eta_max", eta_max),
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
        self.normalize_advantage = normalize_advantage
        self.adaptive_delta = adaptive_delta
        self.delta = named_schedule("delta", delta)
        self.critic_sigma = critic_sigma
        self.kfac_kwargs = kfac_kwargs
        self.critic_kwargs = critic_kwargs
        self.target_kl = target_kl
        self.kl_interval = kl_interval
        self.max_refused = max_refused
        self.refused_updates = self.refused_in_a_row = 0
        self.eta_max_factor = 1.0
        setattr(self, KEY, FORMAT)
        if _init_setup_model:
            self._setup_model()

    @property
    def critic_optimizer(self) -> torch.optim.Optimizer | None:
        """The optimizer of a critic that is updated apart from the actor."""
        return None if self.critic is None else self.critic.optimizer

    # ------------------------------------------------------------------------------------------- setup

    def _setup_model(self) -> None:
        options = self._checked_options()
        super()._setup_model()
        policy, seed, critic = self.policy, self.seed or 0, options.critic_kwargs
        check_policy(policy)
        self.joint = is_joint(policy, options)
        self.running_sigma = RunningSigma().to(self.device) if self.critic_sigma == "adaptive" else None
        radius = AdvantageRadius(weighted_momentum(options)) if self.adaptive_delta else None
        self.radius = radius.to(self.device) if radius else None
        view = JointView(policy) if self.joint else ActorView(policy)
        free = {"log_std": 2.0} if hasattr(view, "log_std") else None  # Fisher information of a log-std
        policy.optimizer = KFAC(
            view,
            lr=self.lr_schedule(1.0),
            delta=self.delta(1.0),
            free=free,
            seed=seed,
            **options.kfac_kwargs.model_dump(),
        )
        self.critic: SeparateCritic | None = None
        if not self.joint:
            euclidean = critic.norm == "euclidean"
            self.critic = (
                EuclideanCritic(policy, critic) if euclidean else GaussNewtonCritic(policy, critic, seed)
            )

    def _checked_options(self) -> hyperparameters.ACKTR:
        """The options that were given, checked; called again when a model is loaded with others."""
        check_policy_kwargs(self.policy_class, self.policy_kwargs)
        options = validated(hyperparameters.ACKTR, {name: getattr(self, name) for name in CHECKED})
        if self.n_steps * self.n_envs < 2:
            raise ValueError(
                f"n_steps * n_envs is {self.n_steps * self.n_envs}; ACKTR needs at least 2 timesteps"
            )
        if not self.max_refused >= 1:
            raise ValueError(f"max_refused is {self.max_refused}; expected at least 1")
        self.delta = named_schedule("delta", self.delta)
        return options

    def _setup_lr_schedule(self) -> None:
        self.lr_schedule = FloatSchedule(named_schedule("eta_max", self.learning_rate))

    # ---------------------------------------------------------------------------------------- rollouts

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer; the policy sees 0 where an observation is NaN or infinite, the buffer does not."""
        self._graphs = self._new_graphs(rollout_buffer, env.num_envs)
        with finite_features(self.policy), self._graphs.recorded() if self._graphs else nullcontext():
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def _new_graphs(self, rollout_buffer: RolloutBuffer, n_envs: int) -> KeptGraphs | None:
        """Keeps graphs where the update needs a joint network's outputs and not its layers' inputs."""
        optimizer, in_order = self.policy.optimizer, type(rollout_buffer) is LeanRolloutBuffer
        assert isinstance(optimizer, KFAC)
        if not (self.joint and in_order and can_keep_graphs(self.policy, n_envs)):
            return None
        return None if optimizer.reads_layers(n_envs * self.n_steps) else KeptGraphs(self.policy)

    def _light_actor(self, n_envs: int) -> LightActor | None:
        act = super()._light_actor(n_envs)
        return None if act is None else finite_actor(act)

    # ------------------------------------------------------------------------------------------ update

    def train(self) -> None:
        """One update from the rollout buffer; logs under ``train/``.

        Raises:
            RefusedUpdates: the ``max_refused``-th rollout in a row holds NaN or infinity.
        """
        refused = non_finite_arrays(self.rollout_buffer)
        if refused:
            self._refuse(refused)
            return
        self.refused_in_a_row = 0
        self.policy.set_training_mode(True)
        with unvalidated(self.device):
            log = self._update(next(self.rollout_buffer.get(batch_size=None)))
        self._conclude(log)

    def _update(self, batch: RolloutBufferSamples) -> Log:
        """The update itself; nothing in it waits for the device, and what is logged of it stays there."""
        log, weight = self._follow_schedules(batch)
        sigma: float | Tensor = self.critic_sigma  # type: ignore[assignment]
        if self.running_sigma is not None:
            log["critic_sigma"] = sigma = self.running_sigma(batch.returns - batch.old_values)
        log |= self._update_actor(batch, sigma, weight if self.normalize_advantage else None)
        if self.critic is not None:
            log |= self.critic.update(batch.observations, batch.returns, sigma)
        if hasattr(self.policy, "log_std"):
            log["std"] = self.policy.log_std.detach().exp().mean()
        return log

    def _conclude(self, log: Log) -> None:
        known = numbers(log, (self.policy.optimizer, self.critic_optimizer))
        for key, value in known.items():
            mean = key.endswith(("clipped", "delta_factor"))
            (self.logger.record_mean if mean else self.logger.record)(f"train/{key}", value)
        if self.target_kl is not None:
            eta_max = value_at("eta_max", self.lr_schedule, self._current_progress_remaining)
            kl = known["kl_exact"]
            self.eta_max_factor = adapted_factor(self.eta_max_factor, eta_max, kl, self.target_kl)
        self._n_updates += 1
        self._log_counts()

    def _refuse(self, arrays: list[str]) -> None:
        self.refused_updates += 1
        self.refused_in_a_row += 1
        self._log_counts()
        if self.refused_in_a_row >= self.max_refused:
            raise RefusedUpdates(
                f"{self.refused_in_a_row} updates in a row refused: NaN or infinity in the "
                f"{' and '.join(arrays)} of the rollout that ends at timestep {self.num_timesteps}"
            )

    def _log_counts(self) -> None:
        self.logger.record("train/refused_updates", self.refused_updates)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _follow_schedules(self, batch: RolloutBufferSamples) -> tuple[Log, float | Tensor]:
        """Set step sizes and radii; returns also the weight in [0, 1] of standardised advantages."""
        progress, optimizer = self._current_progress_remaining, self.policy.optimizer
        assert isinstance(optimizer, KFAC)
        eta_max = value_at("eta_max", self.lr_schedule, progress) * self.eta_max_factor
        log: Log = {"learning_rate": eta_max}
        factor: float | Tensor = 1.0
        weight: float | Tensor = 1.0
        if self.radius is not None:
            factor, weight = (number.double() for number in self.radius(batch.advantages))
            log["delta_factor"] = factor
        set_trust_region(optimizer, eta_max, factor * value_at("delta", self.delta, progress))
        if self.critic is not None:
            self.critic.set_schedules(progress)
        return log, weight

    def _update_actor(
        self, batch: RolloutBufferSamples, sigma: float | Tensor, std: float | Tensor | None
    ) -> Log:
        """One step of the actor, or of actor and critic together; `std` as in :func:`policy_loss`."""
        observations, optimizer = batch.observations, self.policy.optimizer
        assert isinstance(optimizer, KFAC)
        kept = self._graphs.replayed(len(batch.returns), optimizer.model) if self._graphs else nullcontext()
        with optimizer.record(), kept:
            outputs = as_outputs(optimizer.model(observations))
        self._graphs = None
        heads: list[OutputDistribution] = [output_distribution(self.policy, outputs[0])]
        loss, log = policy_loss(self.policy, outputs[0], batch, self.ent_coef, std)
        if self.joint:
            heads.append(Gaussian(outputs[1], sigma))
            values = outputs[1].flatten()
            loss = loss + self.vf_coef * functional.mse_loss(values, batch.returns)
            log |= fit_log(values.detach(), batch.returns)
        optimizer.observe(outputs, distributions=heads)
        old = heads[0].detach()
        descend(optimizer, loss)
        log |= step_log(optimizer)
        due = self.kl_interval > 0 and self._n_updates % self.kl_interval == 0
        if due or self.target_kl is not None:
            with torch.no_grad():
                new = output_distribution(self.policy, as_outputs(optimizer.model(observations))[0])
            log["kl_exact"] = realised_kl([old], [new])
        return log

    # ------------------------------------------------------------------------------------ save and load

    @classmethod
    def load(
        cls,
        path: str | pathlib.Path | io.BufferedIOBase,
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """As SB3's ``load``; ``eta_max`` is among the arguments that may be changed.

        Raises:
            ForeignModel: another class or another format version saved the file.
            ValueError: an argument that cannot be changed, or not to this.
        """
        check_format(path)
        if "eta_max" in kwargs:
            kwargs["learning_rate"] = named_schedule("eta_max", kwargs.pop("eta_max"))
        changed = {**(custom_objects or {}), **kwargs}
        check_form(path, changed)
        given = (env, device, custom_objects, print_system_info, force_reset)
        model: Self = super().load(path, *given, **kwargs)
        if {"kfac_kwargs", "critic_kwargs"} & changed.keys():
            options = model._checked_options()
            set_momentum_and_damping(model.policy.optimizer, options.kfac_kwargs)
            set_momentum_and_damping(model.critic_optimizer, options.critic_kwargs.kfac_kwargs)
        return model

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "critic", "running_sigma", "radius", "_graphs"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names = ["policy", "policy.optimizer"]
        if self.critic is not None:
            names.append("critic.optimizer")
        if self.running_sigma is not None:
            names.append("running_sigma")
        if self.radius is not None:
            names.append("radius")
        return names, []
