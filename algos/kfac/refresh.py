"""When damped inverses are recomputed, and when a recomputed one is put to use.

A refresh that is started at step ``t`` is installed at step ``t + lag``, never earlier or later, whether it
was computed at once or by a background thread meanwhile. What the optimizer does is thus
independent of timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from algos.kfac.errors import FactorizationError
from algos.kfac.inverse import Inverted, invert
from algos.kfac.layers import LayerBlock

Inverses = dict[str, Inverted]


class RefreshSchedule:
    """Start a refresh every `every` steps and install it `lag` steps later.

    The first refresh has nothing to fall back on and is installed at once; so are those at steps 1, 2, 4,
    8... before `every`, while the running factors still gain most from each pass.

    Args:
        every: steps between refreshes, at least 1.
        lag: steps from start to installation, 0 to `every`.
        background: compute in a thread; needs ``lag > 0`` to have any effect on speed, and none on results.
    """

    def __init__(self, every: int, lag: int, background: bool) -> None:
        self.every = every
        self.lag = lag
        self.background = background
        self.pending: Future[Inverses] | Inverses | None = None
        self.due = 0
        self._pool: ThreadPoolExecutor | None = None

    def install(
        self,
        step: int,
        layers: Sequence[tuple[LayerBlock, dict[str, Any]]],
        state: MutableMapping[Any, Any],
        mode: str,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Put the inverses that are due at `step` into `state`.

        Args:
            step: number of optimizer steps done before this one.
            layers: every layer's block with its parameter group, for the damping.
            state: the optimizer's; factors in it are never changed in place.
            mode: ``"factored"`` or ``"eigen"``.

        Yields:
            Per layer whether the last inverse was kept, and whether float64 was needed; 0-d bool.

        Raises:
            FactorizationError: an inversion failed and the layer has no earlier inverse.
        """

        def job() -> Callable[[], Inverses]:
            snapshot = []
            for block, group in layers:
                own = state[block.key]
                snapshot.append((block.name, own["A"], own["S"], group["damping"], own.get("inverse")))
            return lambda: {name: invert(mode, A, S, lam, last) for name, A, S, lam, last in snapshot}

        first = any("inverse" not in state[block.key] for block, _ in layers)
        for inverses in self.advance(step, first, job):
            for block, _ in layers:
                result = inverses[block.name]
                if result.inverse is None:
                    raise FactorizationError(f"layer {block.name!r}: the damped factors cannot be inverted")
                state[block.key]["inverse"] = result.inverse
                yield result.kept, result.retried

    def advance(self, step: int, first: bool, job: Callable[[], Callable[[], Inverses]]) -> list[Inverses]:
        """What to install at `step`, oldest first.

        Args:
            step: number of optimizer steps done before this one.
            first: there is no inverse yet.
            job: called when a refresh starts; takes the snapshot and returns the computation.
        """
        ready: list[Inverses] = []
        if first:
            self.pending = None
            return [job()()]
        if self.pending is not None and step >= self.due:
            ready.append(self.finish())
        if 0 < step < self.every and step & (step - 1) == 0:
            return [job()()]
        if step % self.every == 0:
            compute = job()
            if self.lag == 0:
                ready.append(compute())
            else:
                self.pending = self._submit(compute)
                self.due = step + self.lag
        return ready

    def peek(self) -> Inverses | None:
        """The result in flight, waited for, and left in flight."""
        if isinstance(self.pending, Future):
            self.pending = self.pending.result()
        return self.pending

    def finish(self) -> Inverses:
        """The result in flight, waited for and taken."""
        result = self.peek()
        assert result is not None
        self.pending = None
        return result

    def restore(
        self, pending: Mapping[str, Mapping[str, Any]] | None, due: int, device: torch.device
    ) -> None:
        """Take up a saved result in flight, as `peek` gave it."""
        self.due = due
        self.pending = None
        if pending is not None:
            moved = pytree.tree_map_only(torch.Tensor, lambda t: t.to(device), dict(pending))
            self.pending = {name: Inverted(**fields) for name, fields in moved.items()}

    def _submit(self, compute: Callable[[], Inverses]) -> Future[Inverses] | Inverses:
        if not self.background:
            return compute()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kfac-inverse")
        return self._pool.submit(compute)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "pending": self.peek(), "_pool": None}
