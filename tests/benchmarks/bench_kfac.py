"""One ACKTR update beside one A2C update, and how far a cheap K-FAC setting is from a full one.

Updates alternate in one process on the same batch; one repetition spans a whole inversion period, so
amortised costs are counted. A ratio is ACKTR's time over A2C's, wall clock and CPU time; medians.

    python tests/benchmarks/bench_kfac.py                           # time, 2 threads
    python tests/benchmarks/bench_kfac.py --memory --threads 1    # peak resident memory
    python tests/benchmarks/bench_kfac.py --compare --threads 1   # the steps themselves, on Breakout
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from algos.kfac import KFAC, Categorical, DiagGaussian, Gaussian, OutputDistribution
from algos.kfac.trust_region import exact_quadratic

FULL: dict[str, Any] = {}
CHEAP: dict[str, Any] = {"stats_every": 2, "stats_batch": 64, "stats_patches": 1000, "inverse_every": 20}
Batch = tuple[Tensor, Tensor, Tensor]  # observations, actions, returns


class AtariNet(nn.Module):
    """The paper's network (appendix A.1), by default with its 32 filters in the third convolution."""

    def __init__(self, actions: int, filters: int = 32) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(4, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, filters, 3, 1)]
        layers = [layer for conv in convolutions for layer in (conv, nn.ReLU(inplace=True))]
        self.trunk = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(filters * 7 * 7, 512), nn.ReLU(inplace=True)
        )
        self.pi, self.v = nn.Linear(512, actions), nn.Linear(512, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                gain = {id(self.pi): 0.01, id(self.v): 1.0}.get(id(module), 2**0.5)
                nn.init.orthogonal_(module.weight, gain)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.trunk(x)
        return self.pi(z), self.v(z)

    def heads(self, outputs: Sequence[Tensor]) -> list[OutputDistribution]:
        return [Categorical(outputs[0]), Gaussian(outputs[1])]

    def log_prob(self, output: Tensor, actions: Tensor) -> Tensor:
        return output.log_softmax(-1).gather(1, actions.unsqueeze(1)).squeeze(1)

    def entropy(self, output: Tensor) -> Tensor:
        log_p = output.log_softmax(-1)
        return -(log_p.exp() * log_p).sum(-1).mean()


class MujocoNet(nn.Module):
    """Separate 64-64 networks (appendix A.2), 17 observations and 6 actions as in HalfCheetah."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Sequential(
            nn.Linear(17, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 6)
        )
        self.value = nn.Sequential(nn.Linear(17, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 1))
        self.log_std = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x), self.value(x)

    def heads(self, outputs: Sequence[Tensor]) -> list[OutputDistribution]:
        return [DiagGaussian(outputs[0], self.log_std), Gaussian(outputs[1])]

    def log_prob(self, output: Tensor, actions: Tensor) -> Tensor:
        z = (actions - output) * (-self.log_std).exp()
        return (-0.5 * z.square() - self.log_std).sum(-1)

    def entropy(self, output: Tensor) -> Tensor:
        return self.log_std.sum()


Net = AtariNet | MujocoNet


def a2c_loss(net: Net, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
    """Policy gradient, value and entropy losses, weighted as in A2C."""
    _, actions, returns = batch
    value = outputs[1].squeeze(1)
    advantage = returns - value.detach()
    policy = -(advantage * net.log_prob(outputs[0], actions)).mean()
    return policy + 0.25 * (returns - value).square().mean() - 0.01 * net.entropy(outputs[0])


def a2c_update(net: Net, batch: Batch) -> Callable[[], None]:
    opt = torch.optim.RMSprop(net.parameters(), lr=1e-5, alpha=0.99, eps=1e-5)

    def update() -> None:
        loss = a2c_loss(net, net(batch[0]), batch)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()

    return update


def acktr_update(net: Net, batch: Batch, options: dict[str, Any]) -> Callable[[], None]:
    opt = KFAC(net, lr=1e-5, **options, free={"log_std": 2.0} if isinstance(net, MujocoNet) else None)
    generator = torch.Generator().manual_seed(0)

    def update() -> None:
        with opt.record():
            outputs = net(batch[0])
        opt.observe(outputs, distributions=net.heads(outputs), generator=generator)
        loss = a2c_loss(net, outputs, batch)
        opt.zero_grad()
        loss.backward()
        opt.step()

    return update


@dataclass(frozen=True)
class Case:
    label: str
    atari: bool
    batch_size: int
    options: dict[str, Any]
    filters: int = 32

    def make(self) -> tuple[Net, Batch]:
        n = self.batch_size
        if self.atari:
            return AtariNet(6, self.filters), (
                torch.rand(n, 4, 84, 84),
                torch.randint(6, (n,)),
                torch.randn(n),
            )
        return MujocoNet(), (torch.randn(n, 17), torch.randn(n, 6), torch.randn(n))

    def updates(self) -> dict[str, Callable[[], None]]:
        net, batch = self.make()
        return {
            "a2c": a2c_update(copy.deepcopy(net), batch),
            "acktr": acktr_update(net, batch, self.options),
        }


CASES = [
    *(Case(f"Atari, batch {n}, cheap", True, n, CHEAP) for n in (640, 160, 80)),
    Case("Atari, batch 640, full", True, 640, FULL),
    Case(
        "64-64, batch 2500, cheap", False, 2500, {"stats_every": 2, "stats_batch": 640, "inverse_every": 20}
    ),
    Case("64-64, batch 2500, full", False, 2500, FULL),
]
A2C_AND_ACKTR_HEADER = ["", "A2C ms", "ACKTR ms", "ratio", "A2C CPU ms", "ACKTR CPU ms", "CPU ratio"]


def time_case(case: Case, repetitions: int) -> list[str]:
    """Median milliseconds of both updates and of their ratios, wall clock then CPU time."""
    updates = case.updates()
    for update in updates.values():
        for _ in range(2):  # the first step always inverts
            update()
    span = case.options.get("inverse_every", 1) * (1 if case.options else 4)
    rows: list[dict[str, tuple[float, float]]] = []
    for _ in range(repetitions):
        spent = {name: [0.0, 0.0] for name in updates}
        for _ in range(span):
            for name, update in updates.items():
                wall, cpu = time.perf_counter(), time.process_time()
                update()
                spent[name][0] += time.perf_counter() - wall
                spent[name][1] += time.process_time() - cpu
        rows.append({name: (w / span, c / span) for name, (w, c) in spent.items()})
    cells = [case.label]
    for clock in (0, 1):
        cells += [f"{statistics.median(row[name][clock] for row in rows) * 1e3:.1f}" for name in updates]
        cells.append(f"{statistics.median(row['acktr'][clock] / row['a2c'][clock] for row in rows):.2f}")
    return cells


def peak_memory(case: Case, name: str, threads: int) -> float:
    """Peak resident MiB of a fresh process that makes a few updates of one kind."""
    command = [
        sys.executable,
        __file__,
        "--resident",
        str(CASES.index(case)),
        name,
        "--threads",
        str(threads),
    ]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def resident(case: Case, name: str) -> float:
    update = case.updates()[name]
    for _ in range(3):
        update()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def breakout_batches(count: int, n_envs: int = 32, n_steps: int = 20) -> list[Batch]:
    """Batches of a random player: observations, actions and discounted clipped rewards to the batch's end."""
    import numpy as np
    from ale_py.vector_env import AtariVectorEnv

    env = AtariVectorEnv(game="breakout", num_envs=n_envs)
    rng = np.random.default_rng(0)
    frames, _ = env.reset(seed=0)
    batches = []
    for _ in range(count):
        obs, acts, rewards = [], [], []
        for _ in range(n_steps):
            action = rng.integers(0, 4, n_envs)
            obs.append(torch.from_numpy(np.array(frames)).float() / 255)
            acts.append(torch.from_numpy(action))
            frames, reward, *_ = env.step(action)
            rewards.append(torch.from_numpy(np.sign(reward)).float())
        returns, future = [], torch.zeros(n_envs)
        for reward in reversed(rewards):
            future = reward + 0.99 * future
            returns.insert(0, future)
        batches.append((torch.cat(obs), torch.cat(acts), torch.cat(returns)))
    return batches


SETTINGS: dict[str, dict[str, Any]] = {
    "full statistics": FULL,
    "cheap": CHEAP,
    "cheap, damped metric": {**CHEAP, "metric": "damped"},
    "cheap, exact metric": {**CHEAP, "metric": "exact"},
    "cheap, exact metric of 128": {**CHEAP, "metric": "exact", "metric_batch": 128},
}


def compare(updates: int) -> list[list[str]]:
    """Steps of all settings at the same parameters and gradients; medians over the second half of a run.

    The first setting trains, with momentum. Before each update every setting makes the step without momentum
    that it would have made, and it is undone. Columns: cosine with the first setting's step; first-order
    decrease of the loss per root of exact KL, relative to the first setting; realised KL over delta, of
    policy and value; share of updates that the trust region clipped.
    """
    net = AtariNet(4)
    parameters = dict(net.named_parameters())
    batches = breakout_batches(8)
    optimizers = {name: KFAC(net, **options) for name, options in SETTINGS.items()}
    generator = torch.Generator().manual_seed(0)
    rows: dict[str, list[list[float]]] = {name: [] for name in optimizers}
    for i in range(updates):
        batch = batches[i % len(batches)]
        for opt in optimizers.values():
            with opt.record():
                outputs = net(batch[0])
            opt.observe(outputs, distributions=net.heads(outputs), generator=generator)
        loss = a2c_loss(net, outputs, batch)
        net.zero_grad()
        loss.backward()
        first: tuple[Tensor, float] | None = None
        for name, opt in optimizers.items():
            step, kl = tentative_step(opt, batch[0])
            with torch.no_grad():
                q = float(exact_quadratic(net, step, ((batch[0],), {}), net.heads(outputs)))
            flat = torch.cat([move.flatten() for move in step.values()])
            progress = -sum(float((parameters[key].grad * move).sum()) for key, move in step.items()) / q**0.5
            first = first or (flat, progress)
            cosine = float(torch.cosine_similarity(flat, first[0], dim=0))
            rows[name].append([cosine, progress / first[1], *kl, float(opt.last["clipped"])])
        next(iter(optimizers.values())).step()
    late = {name: list(zip(*values[updates // 2 :], strict=True)) for name, values in rows.items()}
    return [
        [
            name,
            *(f"{statistics.median(column):.3f}" for column in columns[:4]),
            f"{statistics.mean(columns[4]):.2f}",
        ]
        for name, columns in late.items()
    ]


@torch.no_grad()
def tentative_step(opt: KFAC, obs: Tensor) -> tuple[dict[str, Tensor], list[float]]:
    """The step without momentum, by parameter name, and its realised KL over delta per head; it is undone."""
    start = {name: p.detach().clone() for name, p in opt.model.named_parameters()}
    before = opt.model.heads(opt.model(obs))
    group = opt.param_groups[0]
    momentum, group["momentum"] = group["momentum"], 0.0
    opt.step()
    group["momentum"] = momentum
    after = opt.model.heads(opt.model(obs))
    kl = [float(b.kl(a).mean()) / group["delta"] for b, a in zip(before, after, strict=True)]
    step = {name: p - start[name] for name, p in opt.model.named_parameters()}
    for name, p in opt.model.named_parameters():
        p.copy_(start[name])
    return step, kl


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return "\n".join(
        "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in (header, *rows)
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3, help="whole inversion periods per case")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of time")
    parser.add_argument(
        "--compare", type=int, nargs="?", const=40, metavar="UPDATES", help="compare steps, not time"
    )
    parser.add_argument("--only", default="", help="cases whose label contains this")
    parser.add_argument("--resident", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    cases = [case for case in CASES if args.only in case.label]
    if args.resident:
        print(resident(CASES[int(args.resident[0])], args.resident[1]))
    elif args.memory:
        peaks = {
            case.label: [peak_memory(case, name, args.threads) for name in ("a2c", "acktr")] for case in cases
        }
        rows = [[label, f"{a:.0f}", f"{k:.0f}", f"{k - a:.0f}"] for label, (a, k) in peaks.items()]
        print(table(["", "A2C MiB", "ACKTR MiB", "extra"], rows))
    elif args.compare:
        print(table(["", "cosine", "progress", "policy KL", "value KL", "clipped"], compare(args.compare)))
    else:
        print(table(A2C_AND_ACKTR_HEADER, [time_case(case, args.repetitions) for case in cases]))


if __name__ == "__main__":
    main()
