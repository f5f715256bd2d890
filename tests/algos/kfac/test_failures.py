"""Every misuse and every numerical accident has its own, named answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from algos.kfac import KFAC, Bernoulli, Categorical, Gaussian, MultiCategorical, errors
from tests.algos.kfac.conftest import GaussianPolicy, TwoHeads, actor_critic_heads, factors, mlp, observe


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x))


class Spare(nn.Module):
    """A layer that the forward pass does not use, or uses for nothing."""

    def __init__(self, run: bool) -> None:
        super().__init__()
        self.used, self.spare, self.run = nn.Linear(3, 2), nn.Linear(3, 2), run

    def forward(self, x: Tensor) -> Tensor:
        if self.run:
            self.spare(x)
        return self.used(x)


def one_head(out: tuple[Tensor, ...]) -> list[Categorical]:
    return [Categorical(out[0])]


def test_a_parameter_without_a_block_is_named_with_the_way_out() -> None:
    with pytest.raises(errors.UncoveredParameterError, match=r"'log_std'.*free=\{'log_std': 2\.0\}"):
        KFAC(GaussianPolicy(3, 2))
    net = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    with pytest.raises(errors.UncoveredParameterError, match=r"'1\.weight', '1\.bias'"):
        KFAC(net)
    net[1].requires_grad_(False)
    assert len(KFAC(net).blocks) == 1


def test_a_parametrized_layer_is_uncovered() -> None:
    with pytest.raises(errors.UncoveredParameterError, match="parametrizations"):
        KFAC(nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3))))


def test_a_free_parameter_is_found_by_suffix_and_a_misspelt_one_is_answered_with_the_nearest() -> None:
    policy = nn.ModuleDict({"policy": GaussianPolicy(3, 2)})
    assert KFAC(policy, free={"log_std": 2.0}).blocks[-1].name == "policy.log_std"
    with pytest.raises(ValueError, match=r"free\['log_sdt'\].*nearest: 'policy\.log_std'"):
        KFAC(policy, free={"log_sdt": 2.0})
    with pytest.raises(ValueError, match="several parameters: "):
        KFAC(policy, free={"weight": 2.0})
    with pytest.raises(ValueError, match="must be positive"):
        KFAC(policy, free={"log_std": 0.0})


def test_tied_weights_name_both_layers() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    with pytest.raises(errors.TiedWeightsError, match=r"'0' and '1' share parameter '0\.weight'"):
        KFAC(net)


def test_a_grouped_convolution_is_named() -> None:
    with pytest.raises(errors.GroupedConvolutionError, match="'0' is a convolution with groups=2"):
        KFAC(nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)))


def test_a_layer_that_fires_twice_is_named() -> None:
    net = Twice()
    with pytest.raises(errors.LayerFiredTwiceError, match="'layer' ran twice"), KFAC(net).record():
        net(torch.randn(2, 3))


def test_a_model_that_runs_twice_is_refused() -> None:
    net = mlp(3, 2)
    with KFAC(net).record():
        net(torch.randn(2, 3))
        with pytest.raises(errors.LayerFiredTwiceError, match="the model ran twice"):
            net(torch.randn(2, 3))


@pytest.mark.parametrize(
    ("run", "match"), [(False, "'spare' did not run"), (True, "do not depend on layer 'spare'")]
)
def test_an_unused_layer_is_named(run: bool, match: str) -> None:
    with pytest.raises(errors.LayerNotRecordedError, match=match):
        observe(KFAC(Spare(run)), torch.randn(4, 3), one_head)


def test_a_step_before_statistics_names_the_layer() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net)
    net(torch.randn(4, 3)).sum().backward()
    with pytest.raises(errors.NoStatisticsError, match="'0' has no statistics"):
        opt.step()


def test_the_exact_metric_needs_its_own_record_for_every_step() -> None:
    net = TwoHeads(mlp(3, 4), 4, 2)
    opt = KFAC(net, metric="exact")
    outputs = observe(opt, torch.randn(4, 3), actor_critic_heads)
    sum(o.sum() for o in outputs).backward()
    opt.step()
    with pytest.raises(errors.NoStatisticsError, match="exact"):
        opt.step()


def test_records_and_observations_come_in_pairs() -> None:
    net = mlp(3, 2)
    opt = KFAC(net)
    out = net(torch.randn(4, 3))
    with pytest.raises(errors.RecordError, match="record"):
        opt.observe(out, torch.randn(4, 2))
    with opt.record(), pytest.raises(errors.RecordError, match="nested"), opt.record():
        pass
    with opt.record():
        out = net(torch.randn(4, 3))
    with pytest.raises(errors.RecordError, match="scores or distributions"):
        opt.observe(out)
    opt.observe(out, torch.randn(4, 2))
    with pytest.raises(errors.RecordError, match="of its own"):
        opt.observe(out, torch.randn(4, 2))


def test_scores_must_fit_the_outputs() -> None:
    net = TwoHeads(mlp(3, 4), 4, 2)
    opt = KFAC(net)
    with opt.record():
        logits, value = net(torch.randn(5, 3))
    with pytest.raises(errors.BatchShapeError, match="1 scores for 2 outputs"):
        opt.observe((logits, value), [torch.randn(5, 2)])
    with pytest.raises(errors.BatchShapeError, match=r"output 1 has shape \(5,\)"):
        opt.observe((logits, value), [torch.randn(5, 2), torch.randn(5)])


def test_a_layer_whose_batch_is_not_the_outputs_batch_is_named() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x.flatten(0, 1)).view(*x.shape[:2], 2)

    with pytest.raises(errors.BatchShapeError, match=r"'layer'.*\(20, 3\)"):
        observe(KFAC(Flat()), torch.randn(4, 5, 3), lambda o: [Gaussian(o[0])])


def test_an_empty_batch_is_refused() -> None:
    opt = KFAC(mlp(3, 4, 2))
    with pytest.raises(errors.BatchShapeError, match="0 examples"):
        observe(opt, torch.randn(0, 3), one_head)


def test_an_input_changed_in_place_after_the_layer_read_it_is_named() -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer(x)
            x.mul_(2)
            return out

    with pytest.raises(errors.ModifiedInputError, match="'layer'"):
        observe(KFAC(Late()), torch.randn(4, 3), one_head)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_non_finite_input_is_named_and_leaves_the_factors_alone(value: float) -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net)
    observe(opt, torch.randn(4, 3), one_head)
    before = [f.clone() for name in ("0", "2") for f in factors(opt, name)]
    bad = torch.randn(4, 3)
    bad[2, 1] = value
    with opt.record():
        out = net(bad)
    with pytest.raises(errors.NonFiniteError, match="the input of layer '0'"):
        opt.observe(out, torch.randn(4, 2))
    after = [f for name in ("0", "2") for f in factors(opt, name)]
    assert all(map(torch.equal, before, after))


@pytest.mark.parametrize("kind", [Categorical, Bernoulli, Gaussian, lambda o: MultiCategorical(o, [2, 2])])
def test_a_non_finite_output_is_an_error_of_ours_and_not_of_the_sampler(kind: Any) -> None:
    net = mlp(3, 4, 4)
    with torch.no_grad():
        net[2].bias[0] = float("nan")
    with pytest.raises(errors.NonFiniteError, match="output 0"):
        observe(KFAC(net), torch.randn(4, 3), lambda o: [kind(o[0])])


def test_a_non_finite_score_is_named() -> None:
    net = TwoHeads(mlp(3, 4), 4, 2)
    opt = KFAC(net)
    with opt.record():
        outputs = net(torch.randn(4, 3))
    with pytest.raises(errors.NonFiniteError, match="the score of output 1"):
        opt.observe(outputs, [torch.randn(4, 2), torch.full((4, 1), float("nan"))])


def test_a_score_that_overflows_on_its_way_back_names_the_layer() -> None:
    net = mlp(3, 4, 2)
    with torch.no_grad():
        net[2].weight.fill_(3e30)
    opt = KFAC(net)
    with opt.record():
        out = net(torch.randn(4, 3))
    with pytest.raises(errors.NonFiniteError, match="the score at layer '0'"):
        opt.observe(out, torch.full((4, 2), 1e10))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("metric", ["kfac", "damped", "exact"])
@pytest.mark.parametrize("order", ["clip_then_average", "average_then_clip"])
def test_an_unusable_gradient_makes_no_step_and_is_counted(bad: float, metric: str, order: str) -> None:
    net = TwoHeads(mlp(3, 4), 4, 2)
    opt = KFAC(net, metric=metric, momentum_order=order)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    for i in range(4):
        outputs = observe(opt, torch.randn(6, 3), actor_critic_heads, generator=generator)
        opt.zero_grad()
        sum(o.sum() for o in outputs).backward()
        if i == 2:
            net.pi.bias.grad[0] = bad
        before = [p.detach().clone() for p in net.parameters()]
        opt.step()
        moved = not all(map(torch.equal, before, net.parameters()))
        assert moved == (i != 2)
        assert bool(opt.last["skipped"]) == (i == 2)
    assert opt.counters["skipped_steps"] == 1
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_factor_that_cannot_be_inverted_keeps_the_last_inverse_and_counts() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net, momentum=0.0)
    out = observe(opt, torch.randn(6, 3), one_head)
    out[0].square().sum().backward()
    opt.step()
    inverse = {k: v.clone() for k, v in opt.state[net[0].weight]["inverse"].items()}
    opt.state[net[0].weight]["A"].fill_(float("nan"))
    opt.step()
    assert opt.counters["kept_inverses"] == 1
    assert all(torch.equal(opt.state[net[0].weight]["inverse"][k], v) for k, v in inverse.items())
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_factor_that_cannot_be_inverted_the_first_time_names_the_layer() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net)
    out = observe(opt, torch.randn(6, 3), one_head)
    out[0].sum().backward()
    opt.state[net[2].weight]["S"].fill_(float("nan"))
    with pytest.raises(errors.FactorizationError, match="'2'"):
        opt.step()


def test_rank_deficient_factors_are_fine() -> None:
    """Fewer examples than features, without damping worth the name: every step stays finite."""
    net = mlp(40, 30, 5)
    opt = KFAC(net, damping=1e-12)
    for _ in range(5):
        out = observe(opt, torch.randn(2, 40), one_head)
        opt.zero_grad()
        out[0].square().mean().backward()
        opt.step()
    assert all(p.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"metric": "kfak"}, r"metric='kfak'.*nearest is 'kfac'"),
        ({"damping_mode": "tikhonov"}, "damping_mode='tikhonov': expected one of factored, eigen"),
        ({"momentum_order": "clip"}, "nearest is 'clip_then_average'"),
        ({"step_rule": "newton"}, "nearest is 'gauss_newton'"),
        ({"lr": -1.0}, r"lr=-1\.0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"delta": 0.0}, r"delta=0\.0"),
        ({"momentum": 1.0}, r"momentum=1\.0"),
        ({"damping": -1e-3}, r"damping=-0\.001"),
        ({"stats_decay": 1.0}, r"stats_decay=1\.0"),
        ({"stats_every": 0}, "stats_every=0"),
        ({"stats_batch": 0}, "stats_batch=0"),
        ({"metric_batch": 0}, "metric_batch=0"),
        ({"inverse_lag": 3, "inverse_every": 2}, "inverse_lag=3: expected 0 to inverse_every=2"),
    ],
)
def test_an_option_out_of_range_is_one_clear_line(options: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        KFAC(mlp(3, 2), **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_one_trust_region_has_one_delta() -> None:
    net = mlp(3, 4, 2)
    opt = KFAC(net, [{"params": net[0].parameters()}, {"params": net[2].parameters()}])
    out = observe(opt, torch.randn(6, 3), one_head)
    out[0].sum().backward()
    opt.param_groups[1]["delta"] = 0.5
    with pytest.raises(ValueError, match="delta differs"):
        opt.step()
