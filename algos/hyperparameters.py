"""What each built-in agent can be told, with type and range: the schema of its hyper-parameters.

One pydantic model per agent. Field names are the constructor's argument names, plus ``n_envs``; a test holds
them together. Unknown names are errors. The models import no torch, so that a sweep can be checked quickly.
Constructors use the nested models to validate ``kfac_kwargs`` and ``critic_kwargs``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from algos.options import changed
from algos.schedules import ScheduleField


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number, got a boolean")
    return value


def _positive_or_adaptive(value: Any) -> Any:
    if value == "adaptive":
        return value
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError("expected a positive number or 'adaptive'")
    return number


def _none_is_default(value: Any) -> Any:
    return {} if value is None else value


Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=1)]
NonNegative = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=1)]
Decay = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, lt=1)]


class Schema(BaseModel):
    """Base of every hyper-parameter model: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OnPolicy(Schema):
    """What A2C, TRPO and ACKTR share. The batch size is ``n_envs * n_steps``."""

    n_envs: Count = Field(1, description="parallel environments")
    n_steps: Count = Field(5, description="timesteps per environment and rollout")
    policy: str = Field("MlpPolicy", description="an alias of the agent's policies")
    policy_kwargs: dict[str, JsonValue] = Field(default_factory=dict, description="passed to the policy")
    gamma: Fraction = Field(0.99, description="discount")
    gae_lambda: Fraction = Field(1.0, description="1 gives the paper's k-step returns (section 2.1)")
    ent_coef: NonNegative = Field(0.0, description="weight of the entropy bonus")
    vf_coef: NonNegative = Field(0.5, description="weight of the value loss on a shared network")
    normalize_advantage: bool = Field(False, description="standardise advantages within a batch")


class A2C(OnPolicy):
    """Advantage actor-critic: SB3's A2C."""

    learning_rate: ScheduleField = Field(7e-4, description="step size of RMSprop or Adam")
    max_grad_norm: Positive = Field(0.5, description="gradient clipping")
    use_rms_prop: bool = Field(True, description="RMSprop (the paper's A2C) or Adam")
    rms_prop_eps: Positive = Field(1e-5, description="RMSprop epsilon")


class TRPO(Schema):
    """Trust-region policy optimisation: sb3-contrib's TRPO."""

    n_envs: Count = Field(1, description="parallel environments")
    n_steps: Count = Field(2048, description="timesteps per environment and rollout")
    policy: str = Field("MlpPolicy", description="an alias of the agent's policies")
    policy_kwargs: dict[str, JsonValue] = Field(default_factory=dict, description="passed to the policy")
    gamma: Fraction = Field(0.99, description="discount")
    gae_lambda: Fraction = Field(0.95, description="generalised advantage estimation")
    learning_rate: ScheduleField = Field(1e-3, description="step size of the value function's Adam")
    batch_size: Count = Field(128, description="minibatch of the value function")
    n_critic_updates: Count = Field(10, description="passes over the batch for the value function")
    cg_max_steps: Count = Field(15, description="conjugate-gradient steps")
    cg_damping: NonNegative = Field(0.1, description="damping of the Hessian-vector product")
    line_search_shrinking_factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.8)
    line_search_max_iter: Count = Field(10)
    target_kl: Positive = Field(0.01, description="trust-region radius delta")
    normalize_advantage: bool = Field(True, description="standardise advantages within a batch")
    sub_sampling_factor: Count = Field(
        1, description="every k-th example of a shuffled batch for the policy's step"
    )


class KFACOptions(Schema):
    """Options of the K-FAC optimizer (``kfac_kwargs``); defaults follow section 3 of the paper."""

    momentum: Decay = Field(0.9, description="weight m of the old direction; (1 - m) of the new")
    momentum_order: Literal["clip_then_average", "average_then_clip"] = Field(
        "clip_then_average", description="whether each direction is scaled into the region before averaging"
    )
    damping: Positive = Field(0.01, description="lambda of Tikhonov damping")
    damping_mode: Literal["factored", "eigen"] = Field(
        "factored", description="factored Tikhonov (section 3.1) or lambda on the eigenvalues (released code)"
    )
    metric: Literal["kfac", "damped", "exact"] = Field(
        "kfac", description="quadratic form of the trust region (section 3.2): the paper's, the code's, exact"
    )
    stats_decay: Decay = Field(0.99, description="decay of the running factors A and S")
    stats_every: Count = Field(1, description="updates between statistics")
    stats_batch: Count | None = Field(None, description="examples used for statistics; null: all")
    stats_patches: Count | None = Field(None, description="most conv patches a layer and pass; null: all")
    inverse_every: Count = Field(1, description="updates between inverses")
    inverse_lag: Annotated[int, BeforeValidator(_no_bool), Field(ge=0)] = Field(
        0,
        description="updates from an inversion's start until its result is used (section 3.1: asynchronous)",
    )
    inverse_background: bool = Field(False, description="compute lagged inverses in a thread; same results")
    metric_batch: Count | None = Field(None, description="examples used by the exact metric; null: all")

    @model_validator(mode="after")
    def _lag_within_period(self) -> Self:
        if self.inverse_lag > self.inverse_every:
            raise ValueError(
                f"inverse_lag is {self.inverse_lag}, expected at most inverse_every={self.inverse_every}"
            )
        return self


class CriticKFACOptions(KFACOptions):
    """Options of the critic's K-FAC optimizer: those of the actor's, without momentum by default."""

    momentum: Decay = Field(0.0, description="as kfac_kwargs.momentum")


GAUSS_NEWTON_ONLY = frozenset({"eta_max", "delta", "step_rule", "kfac_kwargs"})
EUCLIDEAN_ONLY = frozenset({"optimizer", "learning_rate", "max_grad_norm"})


class CriticOptions(Schema):
    """Options of a critic that is updated apart from the actor (``critic_kwargs``, sections 3.2 and 5.3).

    An option that the chosen norm does not use must keep its default.
    """

    norm: Literal["gauss_newton", "euclidean"] = Field(
        "gauss_newton", description="norm of the critic's step (5.3): K-FAC, or a first-order method"
    )
    n_updates: Count = Field(1, description="full-batch critic steps per rollout")
    eta_max: ScheduleField = Field(1.0, description="gauss_newton: maximum step size of the critic")
    delta: ScheduleField = Field(0.1, description="gauss_newton: trust-region radius of the critic")
    step_rule: Literal["trust_region", "gauss_newton"] = Field(
        "trust_region", description="gauss_newton: step length min(eta_max, g'D / D'FD) before the radius"
    )
    kfac_kwargs: Annotated[CriticKFACOptions, BeforeValidator(_none_is_default)] = Field(
        default_factory=CriticKFACOptions
    )
    optimizer: Literal["rmsprop", "adam", "sgd"] = Field(
        "rmsprop", description="euclidean: the first-order method; rmsprop as in A2C"
    )
    learning_rate: ScheduleField = Field(7e-4, description="euclidean: step size of the critic")
    max_grad_norm: Positive = Field(0.5, description="euclidean: gradient clipping")

    @model_validator(mode="after")
    def _only_options_of_the_norm(self) -> Self:
        foreign = EUCLIDEAN_ONLY if self.norm == "gauss_newton" else GAUSS_NEWTON_ONLY
        for name, value in changed(self, foreign).items():
            raise ValueError(f"{name} does not apply to norm={self.norm}; leave it out, got {value!r}")
        return self


class ACKTR(OnPolicy):
    """Actor-critic using Kronecker-factored trust region (Wu et al., 2017)."""

    n_steps: Count = Field(20, description="timesteps per environment and rollout")
    eta_max: ScheduleField = Field(0.25, description="eta_max, the maximum step size (section 3.2)")
    delta: ScheduleField = Field(0.001, description="delta, the trust-region radius (section 3.2)")
    adaptive_delta: bool = Field(
        False, description="shrink delta where a batch, or the average of steps, has little to say"
    )
    critic_sigma: Annotated[float | Literal["adaptive"], BeforeValidator(_positive_or_adaptive)] = Field(
        1.0, description="sigma of the critic's Gaussian (section 3.1); adaptive: of its error (Appendix D)"
    )
    kfac_kwargs: Annotated[KFACOptions, BeforeValidator(_none_is_default)] = Field(
        default_factory=KFACOptions
    )
    critic_kwargs: Annotated[CriticOptions, BeforeValidator(_none_is_default)] = Field(
        default_factory=CriticOptions
    )
    target_kl: Positive | None = Field(
        None, description="realised KL that eta_max is adapted to (released MuJoCo code); null: it is not"
    )
    kl_interval: Annotated[int, BeforeValidator(_no_bool), Field(ge=0)] = Field(
        10, description="updates between measurements of the realised KL; 0: never"
    )
