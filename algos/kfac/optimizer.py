"""K-FAC natural gradient with a trust region, as a `torch.optim.Optimizer`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from algos.kfac.coverage import blocks_of, check_unchanged
from algos.kfac.distributions import OutputDistribution, realised_kl
from algos.kfac.errors import NoStatisticsError
from algos.kfac.layers import Block, FreeBlock, LayerBlock
from algos.kfac.moves import Move, fresh_move
from algos.kfac.observer import Observer
from algos.kfac.options import Choice, check_group, check_options
from algos.kfac.refresh import RefreshSchedule
from algos.kfac.trust_region import Step, as_outputs, exact_quadratic, step_length

_COUNTERS = ("skipped_steps", "kept_inverses", "float64_retries")


class KFAC(Optimizer):
    """K-FAC with the trust region of Wu et al. 2017, sections 2.2, 3.1 and 3.2.

    One update::

        with opt.record():
            logits, value = model(obs)
        heads = [Categorical(logits), Gaussian(value)]
        opt.observe((logits, value), distributions=heads, generator=generator)
        opt.zero_grad()
        loss.backward()
        opt.step()

    The loss is a batch mean; scores and distributions are per example. `lr`, `delta`, `momentum` and
    `damping` sit in the parameter groups, where schedulers find them; `delta` must be the same in all groups,
    since there is one trust region.

    Args:
        model: returns one output tensor or a tuple of them, each ``[N, ...]``.
        params: parameters or group dictionaries, as for any optimizer; all trainable ones by default.
            A layer's weight and bias belong to the same group.
        lr: eta_max, the largest step size.
        delta: trust-region radius in nats: the predicted KL divergence of a clipped step.
        momentum: weight of the past in the running average of steps; 0 switches it off.
        momentum_order: ``"clip_then_average"`` averages clipped steps, which stays inside the region while F
            stands still; ``"average_then_clip"`` averages directions and scales the average.
        damping: lam, the Tikhonov damping.
        damping_mode: ``"factored"`` (the paper) or ``"eigen"`` (the released code); see `algos.kfac.inverse`.
        metric: the quadratic form that measures a step: ``"kfac"`` (the paper: Kronecker-factored, undamped),
            ``"damped"`` (the released code: ``g'D``) or ``"exact"`` (the batch's exact Fisher, by one
            forward-mode product; needs `distributions` in `observe`).
        metric_batch: examples that the exact metric uses, drawn without replacement; all by default.
        step_rule: ``"trust_region"``, or ``"gauss_newton"`` which also stops at the minimum of the quadratic
            model; the loss must then be the negative log-likelihood of the observed outputs.
        stats_decay: weight that the running factors keep per update; with `stats_every` k, decay^k per pass.
        stats_every: updates between statistics passes.
        stats_batch: examples per statistics pass, drawn without replacement; all by default. A smaller number
            runs the model again on those examples only, so its inputs need a batch dimension.
        stats_patches: most image patches (or sequence positions) per layer in A; all by default.
        inverse_every: updates between inversions.
        inverse_lag: updates from an inversion's start until its result is used, 0 to `inverse_every`.
        inverse_background: compute lagged inverses in a thread. Results do not depend on it.
        free: Fisher information of parameters outside layers, by name or dotted suffix: ``{"log_std": 2.0}``.
        seed: of the generator that draws examples and patches.

    Raises:
        ValueError: an option is unknown or out of range.
        KFACError: a parameter or layer is not supported; see `algos.kfac.errors`.
    """

    def __init__(
        self,
        model: nn.Module,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]] | None = None,
        *,
        lr: float = 0.25,
        delta: float = 1e-3,
        momentum: float = 0.9,
        momentum_order: Literal["clip_then_average", "average_then_clip"] = "clip_then_average",
        damping: float = 1e-2,
        damping_mode: Literal["factored", "eigen"] = "factored",
        metric: Literal["kfac", "damped", "exact"] = "kfac",
        metric_batch: int | None = None,
        step_rule: Literal["trust_region", "gauss_newton"] = "trust_region",
        stats_decay: float = 0.99,
        stats_every: int = 1,
        stats_batch: int | None = None,
        stats_patches: int | None = None,
        inverse_every: int = 1,
        inverse_lag: int = 0,
        inverse_background: bool = False,
        free: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.options = check_options(
            Choice("momentum_order", momentum_order, ("clip_then_average", "average_then_clip")),
            Choice("damping_mode", damping_mode, ("factored", "eigen")),
            Choice("metric", metric, ("kfac", "damped", "exact")),
            Choice("step_rule", step_rule, ("trust_region", "gauss_newton")),
            stats_decay=stats_decay,
            stats_every=stats_every,
            stats_batch=stats_batch,
            stats_patches=stats_patches,
            metric_batch=metric_batch,
            inverse_every=inverse_every,
            inverse_lag=inverse_lag,
        )
        self.free = dict(free or {})
        self.last: dict[str, Tensor] = {}
        self._refresh = RefreshSchedule(inverse_every, inverse_lag, inverse_background)
        self._blocks: list[tuple[int, Block]] = []
        self._names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._steps = 0
        self._stepped = False
        self._ready = False
        if params is None:
            params = [parameter for parameter in model.parameters() if parameter.requires_grad]
        super().__init__(params, {"lr": lr, "delta": delta, "momentum": momentum, "damping": damping})
        self._ready = True
        self._cover()
        device = self.param_groups[0]["params"][0].device
        self.counters = {name: torch.zeros((), dtype=torch.int64, device=device) for name in _COUNTERS}
        generator = torch.Generator(device).manual_seed(seed)
        self._observer = Observer(model, self.options, generator)

    # ------------------------------------------------------------------------------------- parameters

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters of `model`; a weight and its bias come together.

        Raises:
            KFACError: the parameters are not whole, supported layers of the model.
        """
        super().add_param_group(param_group)
        if self._ready:
            try:
                self._cover()
            except Exception:
                self.param_groups.pop()
                raise

    def _cover(self) -> None:
        blocks: list[tuple[int, Block]] = []
        for index, group in enumerate(self.param_groups):
            check_group(group)
            blocks += [(index, block) for block in blocks_of(self.model, group["params"], self.free)]
        self._blocks = blocks

    @property
    def blocks(self) -> list[Block]:
        """The curvature blocks, one per layer or free parameter."""
        return [block for _, block in self._blocks]

    @property
    def _layers(self) -> list[LayerBlock]:
        return [block for block in self.blocks if isinstance(block, LayerBlock)]

    # ------------------------------------------------------------------------------------- statistics

    @property
    def statistics_due(self) -> bool:
        """Whether the next `observe` updates the factors; if not, its scores are not used."""
        missing = any("A" not in self.state[block.key] for block in self._layers)
        return missing or self._observer.updates % self.options["stats_every"] == 0

    def reads_layers(self, batch: int) -> bool:
        """Whether the next `observe` needs what every layer read in the recorded pass of `batch` examples.

        If not, the outputs may come from elsewhere: statistics are not due, or have their own smaller pass.
        """
        return self.statistics_due and not self._observer.draws_from(batch)

    @contextmanager
    def record(self) -> Iterator[None]:
        """Record one forward pass of the model. Hooks exist only inside; no-grad forwards are ignored.

        Raises:
            ChangedParameterError: a parameter was frozen or thawed since the optimizer was made.
            RecordError: if records are nested.
            LayerFiredTwiceError: if a layer runs twice.
        """
        check_unchanged(self.blocks, self.param_groups, self._names)
        self._stepped = False
        with self._observer.record(self._layers, self.statistics_due):
            yield

    def observe(
        self,
        outputs: Tensor | Sequence[Tensor],
        scores: Tensor | Sequence[Tensor] | None = None,
        *,
        distributions: Sequence[OutputDistribution] | None = None,
        generator: torch.Generator | None = None,
        exact: bool = False,
    ) -> None:
        """Update the running factors from the recorded forward pass. Call it before ``loss.backward()``.

        Heads are independent: their scores, drawn independently, back-propagate together and make the Fisher
        of the joint output distribution (section 3.1).

        Args:
            outputs: what the model returned inside `record()`.
            scores: one per output, ``dl/d output`` per example, shaped like it. Sampled from `distributions`
                if not given.
            distributions: one per output; needed by the exact metric and by `realised_kl`.
            generator: draws the outcomes.
            exact: sum over all score columns of `distributions` instead of sampling. One backward per column.

        Raises:
            RecordError: there is no record, or it was observed before; subclasses name the layer.
            NonFiniteError: an input, an output or a score is NaN or infinite; the factors stay as they were.
                On an accelerator it is `check` that raises it, and a step until then is a zero step.
        """
        given = None if scores is None else as_outputs(scores)
        self._observer.observe(self.state, as_outputs(outputs), given, distributions, generator, exact)

    @property
    def sound(self) -> Tensor | None:
        """Whether all that the last `observe` saw is finite, 0-d bool; None where it has been looked at."""
        findings = self._observer.findings
        return None if findings is None else findings.sound

    def check(self) -> None:
        """Raise the `NonFiniteError` of the last `observe`, if there is one; reads from the device."""
        if self._observer.findings is not None:
            self._observer.findings.check()

    # ------------------------------------------------------------------------------------------- step

    @overload
    def step(self, closure: None = ...) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step down the gradients in ``.grad``; `last` then describes it in 0-d tensors.

        `last` holds ``scale`` (nu), ``eta`` (nu times the first group's lr), ``quadratic`` (q of the step at
        full lr), ``predicted_kl`` (``nu^2 q / 2``, before the average of ``"clip_then_average"``), ``slope``
        (``g'u``), ``clipped`` and ``skipped``. A non-finite gradient, or a negative or non-finite quadratic,
        makes a zero step and counts in ``counters["skipped_steps"]``.

        Raises:
            NoStatisticsError: the factors, or the record of the exact metric, are missing.
            FactorizationError: a factor cannot be inverted and there is no earlier inverse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._check_ready()
        self._refresh_inverses()
        moves = self._moves()
        if moves:
            self._finish(moves, *self._measure(moves))
        self._steps += 1
        self._stepped = True
        return loss

    def _check_ready(self) -> None:
        for block in self._layers:
            if "A" not in self.state[block.key]:
                raise NoStatisticsError(
                    f"layer {block.name!r} has no statistics; call record() and observe() before step()"
                )
        if self.options["metric"] == "exact" and (self._stepped or not self._observer.heads):
            raise NoStatisticsError(
                'metric="exact" needs record() and observe(..., distributions=...) before every step()'
            )
        first, *others = [group["delta"] for group in self.param_groups]
        if any(float(delta) != float(first) for delta in others if delta is not first):
            raise ValueError(
                "delta differs between parameter groups; there is one trust region, set all alike"
            )

    def _refresh_inverses(self) -> None:
        groups = [(block, self.param_groups[i]) for i, block in self._blocks if isinstance(block, LayerBlock)]
        for kept, retried in self._refresh.install(
            self._steps, groups, self.state, self.options["damping_mode"]
        ):
            self._count("kept_inverses", kept)
            self._count("float64_retries", retried)

    def _moves(self) -> list[Move]:
        averaged = self.options["momentum_order"] == "average_then_clip"
        moves = []
        for index, block in self._blocks:
            group = self.param_groups[index]
            if all(parameter.grad is None for parameter in block.parameters):
                continue
            move = fresh_move(block, group, self.state, self.options["damping_mode"])
            moves.append(move.averaged(self.state, self.options["damping_mode"]) if averaged else move)
        return moves

    def _measure(self, moves: Sequence[Move]) -> tuple[Tensor, Tensor, Tensor]:
        """``g'u``, ``u'Fu`` and whether the gradients are finite, summed over blocks."""
        slope = torch.stack([move.lr * move.slope for move in moves]).sum()
        finite = torch.stack([move.fresh_slope for move in moves]).sum().isfinite()
        if (sound := self.sound) is not None:
            finite = finite & sound
        metric = self.options["metric"]
        if metric == "exact":
            tangents = {self._names[id(p)]: u for move in moves for p, u in move.scaled()}
            call, heads = self._observer.sample(self.options["metric_batch"])
            quadratic = exact_quadratic(self.model, tangents, call, heads)
            free = [move for move in moves if isinstance(move.block, FreeBlock)]  # not seen by the outputs
            quadratic = quadratic + sum(move.lr**2 * move.quadratic() for move in free)
        elif metric == "damped":
            quadratic = torch.stack([move.lr**2 * move.damped() for move in moves]).sum()
        else:
            quadratic = torch.stack([move.lr**2 * move.quadratic() for move in moves]).sum()
        return slope, quadratic, finite

    def _finish(self, moves: Sequence[Move], slope: Tensor, quadratic: Tensor, finite: Tensor) -> None:
        step = step_length(self.options["step_rule"], slope, quadratic, self.param_groups[0]["delta"], finite)
        for move in moves:
            move.apply(self.state, step.scale, step.ok, self.options["momentum_order"])
        self._count("skipped_steps", ~step.ok)
        self.last = _describe(step, slope, quadratic, self.param_groups[0]["lr"])

    def _count(self, name: str, flag: Tensor) -> None:
        self.counters[name] = self.counters[name] + flag

    @torch.no_grad()
    def realised_kl(self, build: Callable[[tuple[Tensor, ...]], Sequence[OutputDistribution]]) -> Tensor:
        """KL divergence on the recorded batch since `observe`, in nats, by one forward pass; 0-d.

        Args:
            build: makes the distributions from the model's outputs, as the caller did for `observe`.

        Raises:
            RecordError: `observe` got no distributions.
        """
        (args, kwargs), heads = self._observer.sample(None)
        return realised_kl(heads, build(as_outputs(self.model(*args, **kwargs))))

    # ----------------------------------------------------------------------------------- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """As for any optimizer, with the key ``"kfac"`` beside; tensors and numbers only."""
        saved = super().state_dict()
        pending = self._refresh.peek()
        saved["kfac"] = {
            "damping_mode": self.options["damping_mode"],
            "updates": self._observer.updates,
            "steps": self._steps,
            "counters": dict(self.counters),
            "generator": self._observer.generator.get_state(),
            "pending": None if pending is None else {name: vars(result) for name, result in pending.items()},
            "pending_due": self._refresh.due,
        }
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume: what follows equals what would have followed, bit for bit on the CPU.

        The state of a generator fits none on another kind of device: this one then goes on with its own.

        Raises:
            ValueError: the state is not from KFAC, or from another `damping_mode`.
        """
        extra = state_dict.get("kfac")
        if extra is None:
            raise ValueError("the state_dict has no 'kfac' entry; it was not saved by KFAC")
        if extra["damping_mode"] != self.options["damping_mode"]:
            raise ValueError(
                f"the state_dict has damping_mode={extra['damping_mode']!r}, this optimizer "
                f"{self.options['damping_mode']!r}"
            )
        super().load_state_dict(state_dict)
        extra = copy.deepcopy(extra)
        self._observer.updates, self._steps = extra["updates"], extra["steps"]
        self.counters = {name: extra["counters"][name].to(self.counters[name].device) for name in _COUNTERS}
        self._restore_generator(extra["generator"].cpu())
        self._refresh.restore(extra["pending"], extra["pending_due"], self._observer.generator.device)
        self._observer.forget()

    def _restore_generator(self, saved: Tensor) -> None:
        generator = self._observer.generator
        if len(saved) == len(generator.get_state()):
            generator.set_state(saved)

    def __getstate__(self) -> dict[str, Any]:
        own = ("model", "options", "free", "last", "counters", "_observer", "_refresh", "_blocks", "_steps")
        return {**super().__getstate__(), **{name: self.__dict__[name] for name in own}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model" in state:  # a copy or an unpickled optimizer; load_state_dict passes only groups and state
            self._names = {id(parameter): name for name, parameter in self.model.named_parameters()}
            self._stepped = False
            self._ready = True


def _describe(step: Step, slope: Tensor, quadratic: Tensor, lr: float | Tensor) -> dict[str, Tensor]:
    return {
        "scale": step.scale,
        "eta": step.scale * lr,
        "quadratic": quadratic,
        "predicted_kl": step.predicted_kl,
        "slope": slope,
        "clipped": step.clipped,
        "skipped": ~step.ok,
    }
