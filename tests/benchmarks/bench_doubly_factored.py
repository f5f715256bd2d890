"""Would the doubly factored approximation (Appendix A.1; Ba et al. 2017) pay, with 64 filters in conv3?

There the fully connected layer reads 64 channels x 49 locations, and its input factor A is 3137 x 3137.
Doubly factored, A is replaced by (channels kron locations), so that inverses and products are tiny. This
measures what could be saved at most (A's inversion and the product with its inverse, against the same for the
two small factors) and what is lost (relative Frobenius error of the nearest Kronecker product to A, and the
cosine of
``g A_d^-1`` under either), on frames of a random Breakout player.

    python tests/benchmarks/bench_doubly_factored.py
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from bench_kfac import A2C_AND_ACKTR_HEADER, CHEAP, AtariNet, Case, breakout_batches, table, time_case
from torch import Tensor

CHANNELS, LOCATIONS, OUT = 64, 49, 512


def milliseconds(work: Callable[[], object], repetitions: int) -> float:
    work()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def inverse(matrix: Tensor, damping: float) -> Tensor:
    eye = torch.eye(len(matrix))
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix + damping * eye))


def nearest_kronecker(A: Tensor) -> tuple[Tensor, Tensor]:
    """The channels and locations factors whose Kronecker product is nearest to A (Van Loan and Pitsianis)."""
    blocks = A.reshape(CHANNELS, LOCATIONS, CHANNELS, LOCATIONS).permute(0, 2, 1, 3)
    rearranged = blocks.reshape(CHANNELS**2, LOCATIONS**2)
    u, s, v = torch.svd_lowrank(rearranged, q=8, niter=6)
    root = s[0].sqrt()
    first, second = (root * u[:, 0]).view(CHANNELS, -1), (root * v[:, 0]).view(LOCATIONS, -1)
    sign = first.diagonal().sum().sign()
    return sign * first, sign * second


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net = AtariNet(4, filters=64)
    with torch.no_grad():
        frames = torch.cat([batch[0] for batch in breakout_batches(4)])
        features = torch.cat([net.trunk[:7](part) for part in frames.split(256)])
    A = features.T @ features / len(features)
    channels, locations = nearest_kronecker(A)
    error = (torch.kron(channels, locations) - A).norm() / A.norm()
    gradient = torch.randn(OUT, len(features)) @ features / len(features)
    damping = 0.1 * float(A.diagonal().mean())
    whole = inverse(A, damping)
    root = damping**0.5
    small = inverse(channels, root), inverse(locations, root)

    def small_inverses() -> tuple[Tensor, Tensor]:
        return inverse(channels, root), inverse(locations, root)

    def small_product() -> Tensor:
        return small[0] @ (gradient.view(OUT, CHANNELS, LOCATIONS) @ small[1])

    timed: dict[str, Callable[[], object]] = {
        "inversion of A": lambda: inverse(A, damping),
        "inversion, doubly factored": small_inverses,
        "product with A's inverse": lambda: gradient @ whole,
        "product, doubly factored": small_product,
    }
    rows = [[name, f"{milliseconds(work, args.repetitions):.1f}"] for name, work in timed.items()]
    print(table(["64 filters, fully connected layer", "ms"], rows))
    print(f"relative error of the nearest Kronecker product: {float(error):.3f}")
    cosine = torch.cosine_similarity((gradient @ whole).flatten(), small_product().flatten(), dim=0)
    print(f"cosine of the preconditioned gradients: {float(cosine):.3f}")
    case = Case("Atari, 64 filters, batch 640, cheap", True, 640, CHEAP, filters=64)
    print(table(A2C_AND_ACKTR_HEADER, [time_case(case, 1)]))


if __name__ == "__main__":
    main()
