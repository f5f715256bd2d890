"""A critic updated apart from the actor, by K-FAC or by a first-order method (sections 3.2 and 5.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn
from torch.nn import functional

from algos.acktr.guarded_step import step_if
from algos.acktr.heads import CriticView
from algos.acktr.update_log import Log, fit_log, step_log
from algos.hyperparameters import CriticOptions, KFACOptions
from algos.kfac import KFAC, Gaussian
from algos.schedules import named_schedule, value_at

FIRST_ORDER: dict[str, Any] = {
    "rmsprop": lambda parameters, lr: torch.optim.RMSprop(parameters, lr, alpha=0.99, eps=1e-5),  # as A2C
    "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr, eps=1e-5),
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr),
}


class SeparateCritic(ABC):
    """Fits values to returns by full-batch steps; `optimizer` holds all of its state.

    Args:
        policy: owner of the value network, or of the trunk that it shares with the actor.
        options: see :class:`algos.hyperparameters.CriticOptions`.
    """

    optimizer: torch.optim.Optimizer

    def __init__(self, policy: ActorCriticPolicy, options: CriticOptions) -> None:
        self.options = options
        self.view = CriticView(policy)

    @abstractmethod
    def set_schedules(self, progress_remaining: float) -> None:
        """Bring the optimizer's step size (and radius) to their values at this point of training."""

    @abstractmethod
    def step(self, observations: Any, returns: Tensor, sigma: float | Tensor) -> Tensor:
        """One step; returns the values before it, ``[B]``.

        Args:
            observations: as in the rollout, ``[B, ...]``.
            returns: regression targets ``[B]``.
            sigma: standard deviation of the critic's output distribution.
        """

    @abstractmethod
    def log(self) -> Log:
        """Describe the last step, keys prefixed with ``critic_``."""

    def update(self, observations: Any, returns: Tensor, sigma: float | Tensor) -> Log:
        """``n_updates`` steps; the loss and the explained variance logged are those before the first."""
        values = self.step(observations, returns, sigma)
        log = fit_log(values, returns)
        for _ in range(self.options.n_updates - 1):
            self.step(observations, returns, sigma)
        return log | self.log()


class GaussNewtonCritic(SeparateCritic):
    """Natural gradient of the Gaussian ``N(V(s), sigma^2)``, that is Gauss-Newton (section 3.1)."""

    optimizer: KFAC

    def __init__(self, policy: ActorCriticPolicy, options: CriticOptions, seed: int) -> None:
        super().__init__(policy, options)
        self._eta_max = named_schedule("critic_kwargs.eta_max", options.eta_max)
        self._delta = named_schedule("critic_kwargs.delta", options.delta)
        self.optimizer = KFAC(
            self.view, step_rule=options.step_rule, seed=seed, **options.kfac_kwargs.model_dump()
        )
        self.set_schedules(1.0)

    def set_schedules(self, progress_remaining: float) -> None:
        set_trust_region(
            self.optimizer,
            value_at("critic_kwargs.eta_max", self._eta_max, progress_remaining),
            value_at("critic_kwargs.delta", self._delta, progress_remaining),
        )

    def step(self, observations: Any, returns: Tensor, sigma: float | Tensor) -> Tensor:
        with self.optimizer.record():
            values: Tensor = self.view(observations)
        head = Gaussian(values, sigma)
        self.optimizer.observe(
            values, distributions=[head], exact=True
        )  # one output: no dearer than a sample
        descend(self.optimizer, 0.5 * functional.mse_loss(values.flatten(), returns) / head.sigma.square())
        return values.detach().flatten()

    def log(self) -> Log:
        return step_log(self.optimizer, "critic_")


class EuclideanCritic(SeparateCritic):
    """A first-order method on half the mean squared error, as the critic of A2C is trained.

    On a shared network it moves the trunk too, apart from the actor's natural gradient: either objective
    follows its steepest descent in its own norm (section 2.2). The actor's trust region does not see this.
    """

    def __init__(self, policy: ActorCriticPolicy, options: CriticOptions) -> None:
        super().__init__(policy, options)
        self._learning_rate = named_schedule("critic_kwargs.learning_rate", options.learning_rate)
        self._parameters = [p for p in self.view.parameters() if p.requires_grad]
        self.optimizer = FIRST_ORDER[options.optimizer](self._parameters, self._learning_rate(1.0))
        self.optimizer.param_groups[0]["skipped_steps"] = 0  # saved with the optimizer's state
        self._gradient_norm = torch.zeros(())

    def set_schedules(self, progress_remaining: float) -> None:
        name = "critic_kwargs.learning_rate"
        self.optimizer.param_groups[0]["lr"] = value_at(name, self._learning_rate, progress_remaining)

    def step(self, observations: Any, returns: Tensor, sigma: float | Tensor) -> Tensor:
        values: Tensor = self.view(observations).flatten()
        self.optimizer.zero_grad()
        loss = 0.5 * functional.mse_loss(values, returns)
        loss.backward()  # type: ignore[no-untyped-call]
        self._gradient_norm = nn.utils.clip_grad_norm_(self._parameters, self.options.max_grad_norm)
        group, sound = self.optimizer.param_groups[0], self._gradient_norm.isfinite()
        group["skipped_steps"] = group["skipped_steps"] + step_if(sound, self.optimizer)
        return values.detach()

    def log(self) -> Log:
        group = self.optimizer.param_groups[0]
        return {
            "critic_learning_rate": group["lr"],
            "critic_gradient_norm": self._gradient_norm,
            "critic_skipped_steps": group["skipped_steps"],
        }


def set_trust_region(optimizer: KFAC, eta_max: float, delta: float | Tensor) -> None:
    """Set the largest step size and the radius; a schedule may end at 0, where K-FAC's radius may not."""
    radius = delta.clamp(min=1e-30) if isinstance(delta, Tensor) else max(delta, 1e-30)
    for group in optimizer.param_groups:
        group.update(lr=eta_max, delta=radius)


def set_momentum_and_damping(optimizer: torch.optim.Optimizer | None, options: KFACOptions) -> None:
    """As `options` say, if it is K-FAC: the state of a saved model brings its own along."""
    if isinstance(optimizer, KFAC):
        for group in optimizer.param_groups:
            group.update(momentum=options.momentum, damping=options.damping)


def descend(optimizer: KFAC, loss: Tensor) -> None:
    """One step down the gradient of a 0-d loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
