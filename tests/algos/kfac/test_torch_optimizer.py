"""What users of `torch.optim` expect to work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LinearLR

from algos.kfac import KFAC, Categorical, errors
from tests.algos.host_reads import HostReads
from tests.algos.kfac.conftest import (
    GaussianPolicy,
    TwoHeads,
    actor_critic_heads,
    gaussian_heads,
    mlp,
    observe,
)


def one_head(out: tuple[Tensor, ...]) -> list[Categorical]:
    return [Categorical(out[0])]


def backward(opt: KFAC, x: Tensor) -> None:
    out = observe(opt, x, one_head)
    opt.zero_grad()
    out[0].square().mean().backward()


def test_learning_rate_schedulers_drive_eta_max() -> None:
    opt = KFAC(mlp(3, 4, 2), lr=1e-3, momentum=0.0)
    scheduler = LinearLR(opt, 1.0, 0.0, total_iters=4)
    etas = []
    for _ in range(5):
        backward(opt, torch.randn(8, 3))
        opt.step()
        etas.append(float(opt.last["eta"]))
        scheduler.step()
    assert etas == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3, 0.0])


def test_the_radius_can_be_scheduled_in_the_group() -> None:
    opt = KFAC(mlp(3, 4, 2), lr=100.0, momentum=0.0)
    for delta in (1e-2, 1e-3, 1e-4):
        opt.param_groups[0]["delta"] = delta
        backward(opt, torch.randn(8, 3))
        opt.step()
        assert float(opt.last["predicted_kl"]) == pytest.approx(delta, rel=1e-5)


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net)
    x = torch.randn(8, 3)

    def closure() -> Tensor:
        opt.zero_grad()
        out = observe(opt, x, one_head)
        loss = out[0].square().mean()
        loss.backward()
        return loss

    first = opt.step(closure)
    assert opt.step(closure) < first
    assert opt.step() is None


def test_zero_grad_clears_what_backward_left() -> None:
    opt = KFAC(mlp(3, 4, 2))
    backward(opt, torch.randn(8, 3))
    opt.zero_grad()
    assert all(p.grad is None for p in opt.model.parameters())
    before = [p.detach().clone() for p in opt.model.parameters()]
    opt.step()
    assert all(map(torch.equal, before, opt.model.parameters()))


def test_step_hooks_run() -> None:
    opt = KFAC(mlp(3, 4, 2))
    calls: list[str] = []
    opt.register_step_pre_hook(lambda *_: calls.append("before"))
    opt.register_step_post_hook(lambda *_: calls.append("after"))
    backward(opt, torch.randn(8, 3))
    opt.step()
    assert calls == ["before", "after"]


def test_a_layer_can_be_thawed_and_added_later() -> None:
    net = mlp(3, 4, 2)
    net[0].requires_grad_(False)
    opt = KFAC(net, lr=0.1)
    backward(opt, torch.randn(8, 3))
    opt.step()
    net[0].requires_grad_(True)
    opt.add_param_group({"params": net[0].parameters(), "lr": 0.5})
    assert opt.param_groups[1]["delta"] == opt.param_groups[0]["delta"]
    before = net[0].weight.detach().clone()
    backward(opt, torch.randn(8, 3))
    opt.step()
    assert not torch.equal(before, net[0].weight)


def test_a_group_that_is_not_whole_layers_is_refused_and_not_kept() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net, net[0].parameters())
    with pytest.raises(errors.SplitLayerError, match=r"'2'.*'2\.bias'"):
        opt.add_param_group({"params": [net[2].weight]})
    with pytest.raises(errors.UncoveredParameterError, match="not parameters of the model"):
        opt.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})
    assert len(opt.param_groups) == len(opt.blocks) == 1
    backward(opt, torch.randn(8, 3))
    opt.step()


def test_only_the_given_parameters_move() -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    opt = KFAC(net, [*net.trunk.parameters(), *net.pi.parameters()])
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    outputs = observe(opt, torch.randn(8, 4), actor_critic_heads)
    sum(o.square().mean() for o in outputs).backward()
    opt.step()
    moved = {name for name, p in net.named_parameters() if not torch.equal(before[name], p)}
    assert moved == {"trunk.0.weight", "trunk.0.bias", "pi.weight", "pi.bias"}


def test_a_frozen_bias_stays_and_leaves_the_homogeneous_coordinate_out() -> None:
    net = nn.Linear(3, 2)
    net.bias.requires_grad_(False)
    opt = KFAC(net)
    bias = net.bias.clone()
    backward(opt, torch.randn(8, 3))
    opt.step()
    assert opt.state[net.weight]["A"].shape == (3, 3)
    assert torch.equal(bias, net.bias)


def test_frozen_parameters_among_those_given_are_left_alone() -> None:
    net = mlp(3, 4, 4, 2)
    net[0].requires_grad_(False)
    net[2].bias.requires_grad_(False)
    opt = KFAC(net, net.parameters())
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    backward(opt, torch.randn(8, 3))
    opt.step()
    moved = {name for name, p in net.named_parameters() if not torch.equal(before[name], p)}
    assert moved == {"2.weight", "4.weight", "4.bias"}


@pytest.mark.parametrize("name", ["0.weight", "0.bias"])
def test_a_parameter_frozen_or_thawed_later_is_named_before_anything_moves(name: str) -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net)
    backward(opt, torch.randn(8, 3))
    opt.step()
    net.get_parameter(name).requires_grad_(False)
    with pytest.raises(errors.ChangedParameterError, match=f"'{name}' was frozen"):
        backward(opt, torch.randn(8, 3))
    net[0].requires_grad_(False)
    opt = KFAC(net, net.parameters())
    backward(opt, torch.randn(8, 3))
    net[0].requires_grad_(True)
    with pytest.raises(errors.ChangedParameterError, match=r"'0\.weight' was thawed"):
        backward(opt, torch.randn(8, 3))


def test_two_instances_train_actor_and_critic_of_one_module() -> None:
    both = nn.ModuleDict({"actor": mlp(3, 4, 2), "critic": mlp(3, 4, 1)})
    actor, critic = KFAC(both["actor"], lr=0.5), KFAC(both["critic"], lr=1.0, delta=0.1)
    x = torch.randn(8, 3)
    before = [p.detach().clone() for p in both["critic"].parameters()]
    backward(actor, x)
    actor.step()
    assert all(map(torch.equal, before, both["critic"].parameters()))
    backward(critic, x)
    critic.step()
    assert not torch.equal(before[0], both["critic"][0].weight)


@pytest.mark.parametrize("metric", ["kfac", "damped", "exact"])
@pytest.mark.parametrize("order", ["clip_then_average", "average_then_clip"])
@pytest.mark.parametrize("rule", ["trust_region", "gauss_newton"])
def test_a_step_between_refreshes_reads_nothing_back_to_the_host(metric: Any, order: Any, rule: Any) -> None:
    """On an accelerator every read would make the host wait."""
    net = GaussianPolicy(4, 2)
    opt = KFAC(
        net, metric=metric, momentum_order=order, step_rule=rule, inverse_every=50, free={"log_std": 2.0}
    )
    for i in range(4):
        outputs = observe(opt, torch.randn(8, 4), gaussian_heads(net))
        opt.zero_grad()
        (sum(o.square().mean() for o in outputs) + net.log_std.sum()).backward()
        with HostReads() as reads:
            opt.step()
        assert bool(reads.seen) == (i < 3)  # a refresh asks whether it succeeded, where asking is free


def test_it_minimises_faster_than_the_same_step_along_the_gradient() -> None:
    """The point of it all, on a badly scaled regression."""

    def data() -> tuple[Tensor, Tensor]:
        torch.manual_seed(0)
        x = torch.randn(200, 10) * torch.logspace(-2, 1, 10)
        return x, (x / torch.logspace(-2, 1, 10)).sum(1, keepdim=True)

    def train(kfac: bool) -> float:
        x, y = data()
        net = mlp(10, 20, 1)
        opt = (
            KFAC(net, lr=1.0, delta=0.1, damping=1e-3)
            if kfac
            else torch.optim.SGD(net.parameters(), 0.01, 0.9)
        )
        from algos.kfac import Gaussian

        for _ in range(100):
            if isinstance(opt, KFAC):
                (out,) = observe(opt, x, lambda o: [Gaussian(o[0])])
            else:
                out = net(x)
            opt.zero_grad()
            loss = 0.5 * (out - y).square().mean()
            loss.backward()
            opt.step()
        return float(loss.detach())

    assert train(True) < 0.3 * train(False)


def test_lambda_schedules_reach_every_group() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net, [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[2].parameters(), "lr": 0.2}])
    LambdaLR(opt, lambda _: 0.5)
    assert [group["lr"] for group in opt.param_groups] == [0.05, 0.1]
