"""Curvature factors of one batch, and their running averages.

For a layer with ``T`` shared positions and a batch of ``N`` examples (paper 2.2; KFC for convolutions)::

    A = (1/N)    sum_{n,t} a_nt a_nt'          input rows, homogeneous coordinate included
    S = (1/(NT)) sum_{n,t} g_nt g_nt'          rows of the per-example score
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from algos.kfac.errors import BatchShapeError, NonFiniteError
from algos.kfac.layers import LayerBlock
from algos.kfac.tape import Tape

_CHUNK = 2**24  # elements of unfolded patches at a time: 64 MiB in single precision


@dataclass
class Findings:
    """What of one statistics pass was looked at for NaN and infinity, in causal order, and the answers.

    Attributes:
        names: what was looked at.
        flags: whether each is finite, bool ``[len(names)]``.
    """

    names: list[str]
    flags: Tensor

    @property
    def sound(self) -> Tensor:
        """Whether all are finite, 0-d bool."""
        return self.flags.all()

    def check(self) -> None:
        """Raise `NonFiniteError` that names the first culprit; costs one transfer from the device."""
        for culprit, finite in zip(self.names, self.flags.tolist(), strict=True):
            if not finite:
                raise NonFiniteError(
                    f"{culprit} has a NaN or infinite value; the statistics were not updated"
                )


def input_factor(
    block: LayerBlock, x: Tensor, max_rows: int | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """``A`` of one layer, ``[d_in, d_in]``.

    Args:
        block: the layer.
        x: what it read, ``[N, ...]``.
        max_rows: if the batch has more rows than this, use a uniform sample of that many (unbiased).
        generator: draws that sample.
    """
    n, positions = x.shape[0], block.shared_positions(x)
    if max_rows is not None and positions > 1 and n * positions > max_rows:
        index = torch.randperm(n * positions, generator=generator, device=x.device)[:max_rows]
        return _second_moment([block.input_rows(x, index)], block.bias is not None).mul_(positions / max_rows)
    chunk = max(1, _CHUNK // (positions * block.key[0].numel()))
    parts = (block.input_rows(part) for part in torch.split(x, chunk))
    return _second_moment(parts, block.bias is not None).div_(n)


def _second_moment(parts: Iterable[Tensor], homogeneous: bool) -> Tensor:
    """``sum a a'`` over all rows, with a trailing 1 in every row if `homogeneous`."""
    moment: Tensor | None = None
    for rows in parts:
        d = rows.shape[1]
        if moment is None:
            moment = rows.new_zeros(d + homogeneous, d + homogeneous)
        moment[:d, :d].addmm_(rows.T, rows)
        if homogeneous:
            moment[d, :d] += rows.sum(0)
            moment[d, d] += rows.shape[0]
    assert moment is not None
    if homogeneous:
        moment[:-1, -1] = moment[-1, :-1]
    return moment


def score_factor(block: LayerBlock, g: Tensor) -> Tensor:
    """``S`` of one layer, ``[d_out, d_out]``, from scores at its output, ``[N, ...]``."""
    rows = block.grad_rows(g)
    return (rows.T @ rows).div_(rows.shape[0])


def batch_factors(
    tape: Tape,
    outputs: Sequence[Tensor],
    score_sets: Sequence[Sequence[Tensor]],
    max_rows: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[list[tuple[Tensor, Tensor]], Findings]:
    """``(A, S)`` of every block of `tape` for one batch, and whether all that they come from is finite.

    Args:
        tape: a finished recording.
        outputs: the model's outputs, each ``[N, ...]``.
        score_sets: each set holds one score per output; the sets' second moments are summed. One set for
            sampled statistics, one per column for exact ones.
        max_rows: see `input_factor`; applies to layers with shared positions.
        generator: draws the sample of rows.

    Raises:
        BatchShapeError: a score or an input does not fit the outputs' batch.
    """
    batch = outputs[0].shape[0]
    check_scores(outputs, score_sets)
    S: list[Tensor] = []
    A: list[Tensor] = []
    with torch.autocast(outputs[0].device.type, enabled=False):  # moments are in the parameters' precision
        for scores in score_sets:
            grads = tape.backward(outputs, scores)
            parts = [score_factor(b, g.to(b.key.dtype)) for b, g in zip(tape.blocks, grads, strict=True)]
            S = parts if not S else [total.add_(part) for total, part in zip(S, parts, strict=True)]
        for block in tape.blocks:
            x = tape.layers[block.name].input
            block.check_batch(x, batch)
            A.append(input_factor(block, x.to(block.key.dtype), max_rows, generator))
    return list(zip(A, S, strict=True)), _findings(tape.blocks, A, S, outputs, score_sets)


def check_scores(outputs: Sequence[Tensor], score_sets: Sequence[Sequence[Tensor]]) -> None:
    """Raise `BatchShapeError` unless every set has one score per output, shaped like it."""
    for scores in score_sets:
        if len(scores) != len(outputs):
            raise BatchShapeError(
                f"got {len(scores)} scores for {len(outputs)} outputs; expected one per output"
            )
        for i, (output, score) in enumerate(zip(outputs, scores, strict=True)):
            if output.shape != score.shape:
                raise BatchShapeError(
                    f"the score of output {i} has shape {tuple(score.shape)}; expected the output's shape "
                    f"{tuple(output.shape)}"
                )


def _findings(
    blocks: Sequence[LayerBlock],
    A: Sequence[Tensor],
    S: Sequence[Tensor],
    outputs: Sequence[Tensor],
    score_sets: Sequence[Sequence[Tensor]],
) -> Findings:
    # The trace is non-finite whenever a row is: squares do not cancel.
    flags = {f"the input of layer {b.name!r}": a.trace().isfinite() for b, a in zip(blocks, A, strict=True)}
    flags |= {f"output {i}": output.isfinite().all() for i, output in enumerate(outputs)}
    for i, scores in enumerate(zip(*score_sets, strict=True)):
        flags[f"the score of output {i}"] = torch.stack([score.isfinite().all() for score in scores]).all()
    flags |= {f"the score at layer {b.name!r}": s.trace().isfinite() for b, s in zip(blocks, S, strict=True)}
    return Findings(list(flags), torch.stack(list(flags.values())))


def take_examples(value: Any, index: Tensor, batch: int) -> Any:
    """`value` (tensors in any nesting of tuples, lists and dicts) restricted to the examples in `index`.

    Raises:
        BatchShapeError: a tensor's first dimension is not the batch.
    """

    def take(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if leaf.dim() == 0 or leaf.shape[0] != batch:
            raise BatchShapeError(
                f"stats_batch needs model inputs whose first dimension is the batch of {batch}; "
                f"got shape {tuple(leaf.shape)}"
            )
        return leaf[index]

    return pytree.tree_map(take, value)
