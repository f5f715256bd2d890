"""From a recorded forward pass to running curvature factors."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from algos.kfac.distributions import OutputDistribution
from algos.kfac.errors import BatchShapeError, RecordError
from algos.kfac.host import reads_are_free
from algos.kfac.layers import LayerBlock
from algos.kfac.statistics import Findings, batch_factors, take_examples
from algos.kfac.tape import Tape
from algos.kfac.trust_region import as_outputs

Call = tuple[tuple[Any, ...], dict[str, Any]]


class Observer:
    """Holds the last record and updates the running factors, which live in the optimizer's state.

    Args:
        model: the model.
        options: ``stats_decay``, ``stats_every``, ``stats_batch`` and ``stats_patches``.
        generator: draws examples and patches.
    """

    def __init__(self, model: nn.Module, options: dict[str, Any], generator: torch.Generator) -> None:
        self.model = model
        self.options = options
        self.generator = generator
        self.updates = 0
        self.findings: Findings | None = None
        self.forget()

    def forget(self) -> None:
        """Drop the record."""
        self.tape: Tape | None = None
        self.observed = False
        self.heads: list[OutputDistribution] = []

    @contextmanager
    def record(self, layers: Sequence[LayerBlock], due: bool) -> Iterator[None]:
        """See `KFAC.record`; layers are hooked only if statistics are `due`."""
        if self.tape is not None and not self.tape.closed:
            raise RecordError("record() is already open; records cannot be nested")
        self.forget()
        self.tape = Tape(self.model, layers)
        with self.tape.recording(layers=due):
            yield

    def observe(
        self,
        state: MutableMapping[Any, Any],
        outputs: tuple[Tensor, ...],
        scores: tuple[Tensor, ...] | None,
        distributions: Sequence[OutputDistribution] | None,
        generator: torch.Generator | None,
        exact: bool,
    ) -> None:
        """See `KFAC.observe`."""
        if self.tape is None or not self.tape.closed or self.observed:
            raise RecordError(
                "observe() needs a finished record() of its own; run the model inside one first"
            )
        if distributions is None and (exact or scores is None):
            raise RecordError("observe() needs scores or distributions, and distributions if exact=True")
        if outputs[0].shape[:1] == (0,):
            raise BatchShapeError("observe() got a batch of 0 examples; expected at least 1")
        self.findings = None
        if self.tape.hooked:
            self._update(self.tape, state, outputs, score_sets(scores, distributions, generator, exact))
        self.tape.release()
        self.heads = [head.detach() for head in distributions or ()]
        self.observed = True
        self.updates += 1

    def sample(self, most: int | None) -> tuple[Call, list[OutputDistribution]]:
        """The recorded call and its distributions, restricted to at most `most` random examples.

        Raises:
            RecordError: `observe` got no distributions, or the model itself did not run.
        """
        if self.tape is None or not self.heads:
            raise RecordError("this needs a record() and observe(..., distributions=...)")
        call, batch = self.tape.arguments(), self.heads[0].output.shape[0]
        if most is None or batch <= most:
            return call, self.heads
        index = self._draw(batch, most)
        return take_examples(call, index, batch), [head.take(index) for head in self.heads]

    def draws_from(self, batch: int) -> bool:
        """Whether a statistics pass takes only some of `batch` examples."""
        most = self.options["stats_batch"]
        return most is not None and batch > most

    def _draw(self, batch: int, most: int) -> Tensor:
        return torch.randperm(batch, generator=self.generator, device=self.generator.device)[:most]

    def _update(
        self,
        tape: Tape,
        state: MutableMapping[Any, Any],
        outputs: tuple[Tensor, ...],
        sets: list[tuple[Tensor, ...]],
    ) -> None:
        batch = outputs[0].shape[0]
        if self.draws_from(batch):
            index = self._draw(batch, self.options["stats_batch"])
            args, kwargs = take_examples(tape.arguments(), index, batch)
            tape = Tape(self.model, tape.blocks)
            with torch.enable_grad(), tape.recording():
                outputs = as_outputs(self.model(*args, **kwargs))
            sets = [tuple(score[index] for score in scores) for scores in sets]
        factors, findings = batch_factors(tape, outputs, sets, self.options["stats_patches"], self.generator)
        decay = self.options["stats_decay"] ** self.options["stats_every"]
        if reads_are_free(outputs[0].device):
            findings.check()
            take_in = running_mean
        else:
            self.findings = findings
            take_in = partial(running_mean_where, findings.sound)
        for block, (A, S) in zip(tape.blocks, factors, strict=True):
            take_in(state[block.key], A, S, decay)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "tape": None, "observed": False, "heads": [], "findings": None}


def running_mean(own: MutableMapping[str, Any], A: Tensor, S: Tensor, decay: float) -> None:
    """Take a batch's factors into the mean of all passes weighted by decay^age, not biased to the start."""
    past = decay * float(own.get("stats_weight", 0.0))
    if past > 0:
        keep = past / (past + 1 - decay)
        A, S = A.lerp_(own["A"], keep), S.lerp_(own["S"], keep)
    own["A"], own["S"], own["stats_weight"] = A, S, past + 1 - decay


def running_mean_where(
    sound: Tensor, own: MutableMapping[str, Any], A: Tensor, S: Tensor, decay: float
) -> None:
    """As `running_mean` where `sound`, and nothing elsewhere, decided on the device; zeros before a first."""
    last = own.get("stats_weight", A.new_zeros(()))
    past = decay * torch.as_tensor(last, dtype=A.dtype, device=A.device)
    keep = past / (past + 1 - decay)
    for name, new in (("A", A), ("S", S)):
        old = own[name] if name in own else torch.zeros_like(new)
        own[name] = torch.where(sound, new.lerp(old, keep), old)
    own["stats_weight"] = torch.where(sound, past + 1 - decay, last)


def score_sets(
    scores: tuple[Tensor, ...] | None,
    distributions: Sequence[OutputDistribution] | None,
    generator: torch.Generator | None = None,
    exact: bool = False,
) -> list[tuple[Tensor, ...]]:
    """Sets of one score per output whose second moments sum to the statistics.

    One set of sampled scores, or, if `exact`, one set per score column: it holds the column at its own output
    and zeros at the others, since independent heads have no cross terms.
    """
    if scores is not None and not exact:
        return [scores]
    heads = list(distributions or ())
    if not exact:
        return [tuple(head.score_sample(generator) for head in heads)]
    blank = [torch.zeros_like(head.output.detach()) for head in heads]
    return [
        tuple(column if j == i else zero for j, zero in enumerate(blank))
        for i, head in enumerate(heads)
        for column in head.score_columns()
    ]
