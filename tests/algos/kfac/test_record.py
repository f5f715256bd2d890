"""Recording: what hooks see, what they leave alone, and when statistics are due."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from algos.kfac import KFAC, Categorical, Gaussian
from algos.kfac.distributions import realised_kl
from tests.algos.kfac.conftest import TwoHeads, actor_critic_heads, factors, mlp, observe, relative


def relu_net(inplace: bool) -> TwoHeads:
    trunk = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(inplace), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(inplace)
    )
    return TwoHeads(trunk, 8, 3)


def test_in_place_activations_give_the_same_factors_bit_for_bit() -> None:
    plain, inplace = relu_net(False), relu_net(True)
    inplace.load_state_dict(plain.state_dict())
    x = torch.randn(6, 2, 6, 6)
    a, b = KFAC(plain), KFAC(inplace)
    for opt in (a, b):
        observe(opt, x, actor_critic_heads, generator=torch.Generator().manual_seed(1))
    for block in a.blocks:
        for ours, theirs in zip(factors(a, block.name), factors(b, block.name), strict=True):
            assert torch.equal(ours, theirs)


def test_observing_touches_neither_gradients_nor_the_loss_graph() -> None:
    net = relu_net(True)
    x = torch.randn(6, 2, 6, 6)
    reference = copy.deepcopy(net)
    sum(o.square().mean() for o in reference(x)).backward()
    opt = KFAC(net)
    for p in net.parameters():
        p.grad = torch.full_like(p, 7.0)
    outputs = observe(opt, x, actor_critic_heads)
    assert all((p.grad == 7.0).all() for p in net.parameters())
    opt.zero_grad()
    sum(o.square().mean() for o in outputs).backward()
    for ours, theirs in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_hooks_exist_only_inside_the_record() -> None:
    net = relu_net(True)
    opt = KFAC(net)
    count = lambda: sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())  # noqa: E731
    assert count() == 0
    with opt.record():
        assert count() == 5
    assert count() == 0
    with pytest.raises(ZeroDivisionError), opt.record():
        raise ZeroDivisionError
    assert count() == 0


def test_forwards_without_gradients_are_ignored() -> None:
    """Acting, or the value of the last observation, may happen inside a record."""
    net = relu_net(True)
    opt, other = KFAC(net), KFAC(net)
    x = torch.randn(6, 2, 6, 6)
    with opt.record():
        with torch.no_grad():
            net(torch.randn(3, 2, 6, 6))
        outputs = net(x)
        with torch.no_grad():
            net(torch.randn(3, 2, 6, 6))
    scores = [torch.randn_like(o) for o in outputs]
    opt.observe(outputs, scores)
    with other.record():
        outputs = net(x)
    other.observe(outputs, scores)
    for block in opt.blocks:
        assert all(map(torch.equal, factors(opt, block.name), factors(other, block.name)))


def test_factors_do_not_depend_on_who_draws_the_scores() -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    x = torch.randn(9, 4)
    ours, theirs = KFAC(net), KFAC(net)
    observe(ours, x, actor_critic_heads, generator=torch.Generator().manual_seed(4))
    with theirs.record():
        logits, value = net(x)
    generator = torch.Generator().manual_seed(4)
    scores = [Categorical(logits).score_sample(generator), Gaussian(value).score_sample(generator)]
    theirs.observe((logits, value), scores)
    for block in ours.blocks:
        assert all(map(torch.equal, factors(ours, block.name), factors(theirs, block.name)))


def test_statistics_every_k_updates_keep_the_horizon(fp64: None) -> None:
    """A pass every second update forgets as two passes would: decay squared."""
    net = nn.Linear(3, 2)
    opt, plain = KFAC(net, stats_decay=0.9, stats_every=2), KFAC(net, stats_decay=0.81)
    due = []
    for _ in range(6):
        x = torch.randn(5, 3)
        scores = torch.randn(5, 2)
        due.append(opt.statistics_due)
        for o in (opt, plain) if due[-1] else (opt,):
            with o.record():
                outputs = net(x)
            o.observe(outputs, scores)
    assert due == [True, False] * 3
    assert all(map(torch.equal, factors(opt, ""), factors(plain, "")))


def test_a_small_stats_batch_uses_that_many_examples_without_bias(fp64: None) -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    x = torch.randn(40, 4)
    full, seen = KFAC(net, stats_decay=0.0), []
    observe(full, x, actor_critic_heads, exact=True)
    part = KFAC(net, stats_decay=0.999, stats_batch=8)
    handle = net.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[0]))
    for _ in range(300):
        observe(part, x, actor_critic_heads, exact=True)
    handle.remove()
    assert seen == [40, 8] * 300
    for block in full.blocks:
        for i in (0, 1):
            assert relative(factors(part, block.name)[i], factors(full, block.name)[i]) < 0.05


def test_a_stats_batch_of_the_whole_batch_changes_nothing() -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    x = torch.randn(10, 4)
    a, b = KFAC(net), KFAC(net, stats_batch=10, stats_patches=1)
    for opt in (a, b):
        observe(opt, x, actor_critic_heads, exact=True)
    for block in a.blocks:
        assert all(map(torch.equal, factors(a, block.name), factors(b, block.name)))


def test_dictionaries_of_observations_can_be_subsampled() -> None:
    class DictNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, obs: dict[str, Tensor], *, scale: float) -> Tensor:
            return self.layer(obs["a"] * scale)

    net = DictNet()
    opt = KFAC(net, stats_batch=4)
    with opt.record():
        out = net({"a": torch.randn(9, 3)}, scale=2.0)
    opt.observe(out, distributions=[Categorical(out)])
    assert factors(opt, "layer")[0][-1, -1] == pytest.approx(1.0)


def test_the_realised_kl_compares_with_the_outputs_at_observation() -> None:
    net = TwoHeads(mlp(4, 6), 6, 3)
    opt = KFAC(net, lr=1.0, momentum=0.0)
    x = torch.randn(9, 4)
    before = actor_critic_heads(tuple(o.detach().clone() for o in net(x)))
    outputs = observe(opt, x, actor_critic_heads)
    assert opt.realised_kl(actor_critic_heads) == 0
    (outputs[0][:, 0].mean() + outputs[1].mean()).backward()
    opt.step()
    expected = realised_kl(before, actor_critic_heads(net(x)))
    torch.testing.assert_close(opt.realised_kl(actor_critic_heads), expected.detach(), rtol=1e-5, atol=0)
    assert expected > 0


def test_a_layer_may_be_called_by_keyword() -> None:
    class ByKeyword(nn.Linear):
        def __call__(self, x: Tensor) -> Tensor:
            return nn.Module.__call__(self, input=x)

    torch.manual_seed(0)
    plain, x = nn.Sequential(nn.Linear(3, 2)), torch.randn(4, 3)
    keyword = nn.Sequential(ByKeyword(3, 2))
    keyword.load_state_dict(plain.state_dict())
    for net in (plain, keyword):
        opt = KFAC(net)
        with opt.record():
            out = net(x)
        opt.observe(out, torch.ones(4, 2))
        net.factor = opt.state[net[0].weight]["A"]
    assert torch.equal(plain.factor, keyword.factor)
