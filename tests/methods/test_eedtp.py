"""EEDTP: what is taken away at which time, and by whom the time is told."""

import math

import pytest
import torch
from tiny_model import tiny_eedtp
from torch import nn

from undegrade.errors import UsageError
from undegrade.methods import Pair, build_method, parse_options
from undegrade.methods.eedtp import EEDTP
from undegrade.methods.eedtp_options import PUBLISHED_TIMES, EEDTPOptions
from undegrade.networks.experts import ExpertAdapter, ExpertOptions
from undegrade.networks.timed_blocks import TimedBlocks
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.samplers import Step
from undegrade.randomness import NoiseField
from undegrade.training.retention import Retain, Retention, Share
from undegrade.training.retention.depth import depth_weights


def method_of(**changes: object) -> EEDTP:
    method = build_method(parse_options(tiny_eedtp() | changes))
    assert isinstance(method, EEDTP)
    return method


def randomised(method: EEDTP) -> EEDTP:
    torch.manual_seed(0)
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return method.eval()


NOISE = FieldNoise([NoiseField((0,))])


def test_the_published_network_is_the_default() -> None:
    assert EEDTPOptions().network.widths == (64, 128, 256, 512, 1024)  # type: ignore[union-attr]
    assert [*EEDTPOptions().matching.values()] == [4, 8, 12, 15, 19, 22, 27, 38, 47, 50]


@pytest.mark.parametrize("network", [{}, {"name": "unet", "size": "1m"}, {"name": "transformer"}])
def test_an_untrained_network_takes_nothing_away(network: dict[str, str]) -> None:
    small = {"size": "small"} if network.get("name") == "transformer" else {}
    given = {"network": network | small} if network else {}
    method = method_of(**given).with_task("derain")
    side = max(method.multiple_of, 32)
    lq = torch.rand(1, 3, side, side)
    seen: list[Step] = []
    restored = method.restore(lq, steps=1, noise=NOISE, callback=seen.append)
    torch.testing.assert_close(restored, lq)
    assert [step.t for step in seen] == [8 / 50]


def test_generation_takes_noise_from_clean_pictures() -> None:
    method = method_of()
    hq = torch.rand(2, 3, 16, 16)
    noise = SampleNoise(0, 0, range(2))
    error = method.loss(Pair(torch.zeros_like(hq), hq), stage="generation", step=0, noise=noise)
    t = method.schedule.times_of(noise.uniform())
    spread = method.schedule.sigma[t].float().view(2, 1, 1, 1)
    expected = (spread * noise.normal((2, 3, 16, 16))).abs().mean()
    assert float(error["total"].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_each_sample_is_restored_at_its_own_time() -> None:
    method = randomised(method_of(fft_weight=0.1))
    tasks = ("derain", "dehaze", "derain")
    lq, hq = torch.rand(2, 3, 3, 16, 16)
    noise = SampleNoise(0, 0, range(3))
    terms = method.loss(Pair(lq, hq, tasks), stage="restoration", step=0, noise=noise)
    restored = torch.cat(
        [
            method.with_task(task).restore(one[None], steps=1, noise=NOISE)
            for task, one in zip(tasks, lq, strict=True)
        ]
    )
    spectrum = torch.fft.fft2(restored - hq).abs().mean()
    torch.testing.assert_close(terms["spectrum"], spectrum)
    torch.testing.assert_close(terms["total"], (restored - hq).abs().mean() + 0.1 * spectrum)
    assert float((restored[0] - lq[0]).abs().max()) > 1e-3


def test_times_make_a_difference() -> None:
    method = randomised(method_of())
    lq = torch.rand(1, 3, 16, 16)
    rain, haze = (
        method.with_task(task).restore(lq, steps=1, noise=NOISE) for task in ("derain", "dehaze")
    )
    assert float((rain - haze).abs().max()) > 1e-3


def test_who_tells_the_task() -> None:
    lq = torch.rand(1, 3, 16, 16)
    several, one = method_of(), method_of(task="dehaze")
    assert one.with_task("auto").time == 47
    assert one.with_task("derain").time == 8
    assert one.time == 47  # the other is a method of its own
    with pytest.raises(
        UsageError, match=r"an eedtp model of several tasks has to be told one.*--task"
    ):
        several.with_task("auto")
    with pytest.raises(UsageError, match=r"task 'paint' .*expected one of denoise, derain"):
        several.with_task("paint")
    with pytest.raises(ValueError, match="no task is told"):
        several.restore(lq, steps=1, noise=NOISE)
    with pytest.raises(ValueError, match="task 'paint' has no matching step"):
        several.loss(
            Pair(lq, lq, ("paint",)), stage="restoration", step=0, noise=SampleNoise(0, 0, [0])
        )


def test_a_task_can_be_named_by_what_it_undoes() -> None:
    assert EEDTPOptions(task="haze").task == "dehaze"
    told = method_of().with_task("low-light")
    assert (told.task, told.time) == ("brighten", 38)
    own = {"matching": {"rain": 30}}
    assert method_of(**own).with_task("rain").time == 30
    assert EEDTPOptions.model_validate(own | {"task": "rain"}).task == "rain"


def test_options_that_do_not_fit_are_refused() -> None:
    for t in (-1, 0, 51):
        with pytest.raises(UsageError, match=rf"matching\.derain={t}; expected from 1 to times=50"):
            parse_options(tiny_eedtp() | {"matching": {"derain": t}})
    with pytest.raises(UsageError, match=r"matching\.derian=5; did you mean derain\?"):
        parse_options(tiny_eedtp() | {"matching": {"derian": 5}})
    with pytest.raises(UsageError, match="task=paint; expected one of matching: denoise, derain"):
        parse_options(tiny_eedtp() | {"task": "paint"})
    for channels in ({"in_channels": 6}, {"out_channels": 1}):
        wrong = {"name": "unet", "size": "1m"} | channels
        with pytest.raises(ValueError, match="channels in and out; expected 3 of both"):
            build_method(parse_options(tiny_eedtp() | {"network": wrong}))
    with pytest.raises(UsageError, match="top=1, whose weight is always 1"):
        parse_options(tiny_eedtp() | {"experts": {"top": 1}})
    network = {"name": "unet", "aux_channels": 3}
    with pytest.raises(ValueError, match="aux_channels=3; expected 0"):
        build_method(parse_options(tiny_eedtp() | {"network": network}))


def test_matching_steps_of_ones_own_stand_beside_the_published() -> None:
    options = EEDTPOptions.model_validate(tiny_eedtp() | {"matching": {"derain": 9, "descan": 30}})
    assert options.matching == {**PUBLISHED_TIMES, "derain": 9, "descan": 30}
    few = EEDTPOptions.model_validate(tiny_eedtp() | {"times": 20})
    assert [*few.matching] == ["denoise", "derain", "dejpeg", "desnow", "inpaint"]
    bare = EEDTPOptions.model_validate({"network": {"local_pool": 192}}).network
    assert bare.encoder_blocks == (1, 1, 1, 28)  # type: ignore[union-attr]


def test_tasks_are_learned_by_rising_time() -> None:
    options = EEDTPOptions.model_validate(tiny_eedtp())
    shuffled = ["dehaze", "derain", "deblur", "denoise", "derain"]
    order = EEDTP.tasks_in_order(options, shuffled)
    assert order == ("denoise", "derain", "dehaze", "deblur")
    assert EEDTP.tasks_in_order(options, PUBLISHED_TIMES) == (*PUBLISHED_TIMES,)
    assert method_of().retention_time(("derain", "dehaze")) == (8 + 47) / 2


def test_experts_are_not_asked_to_stay() -> None:
    method = method_of(experts=tiny_eedtp(experts=True)["experts"])
    kept = {id(parameter) for parameter in method.retained_parameters()}
    experts = [module for module in method.modules() if isinstance(module, ExpertAdapter)]
    assert experts
    assert all(id(parameter) not in kept for one in experts for parameter in one.parameters())
    of_network = [*method.network.parameters()]
    of_experts = sum(len([*one.parameters()]) for one in experts)
    assert len(kept) == len(of_network) - of_experts


def wrapped() -> TimedBlocks:
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
    return TimedBlocks(plain, ["0", "2"], torch.rand(1, 3, 16, 16), embedding_dim=4)


def test_a_network_of_ones_own_learns_and_retains() -> None:
    """One step; what retention holds falls with the depth of the layer."""
    torch.manual_seed(0)
    method = EEDTP(EEDTPOptions(task="dehaze"), network=wrapped())
    lq, hq = torch.rand(2, 4, 3, 16, 16)
    pair, noise = Pair(lq, hq), SampleNoise(0, 0, range(4))
    chosen = Retain.model_validate({"stage": "generation", "importance": {"batches": 1}})
    retention = Retention(chosen, method.retention_time(("dehaze",)), seed=0)
    retention.prepare(method, [(pair, noise)])
    weights = depth_weights(method.parts_in_order(), retention.fall)
    first, _relu, last = method.network.network
    assert weights[id(first.weight)] == 1
    assert weights[id(last.weight)] == pytest.approx(math.exp(-0.05 * 47))
    assert weights[id(method.network.maps[1].map.weight)] == weights[id(last.weight)]

    before = method.restore(lq, steps=1, noise=NOISE).detach()
    own = method.loss(pair, stage="restoration", step=0, noise=noise)["total"]
    terms = retention.penalty(method) | retention.mixed(method, [Share(pair, noise, own)])
    (own + sum(terms.values())).backward()
    optimiser = torch.optim.SGD(method.parameters(), lr=0.1)
    optimiser.step()
    for name, parameter in method.named_parameters():
        # Maps that are still zero hear nothing of the time, whose own parameters wait for them.
        assert parameter.grad is not None
        assert float(parameter.grad.norm()) > 0 or name.startswith("network.time."), name
    assert float((method.restore(lq, steps=1, noise=NOISE) - before).abs().max()) > 1e-4
    assert float(retention.penalty(method)["importance"].detach()) > 0


def test_what_does_not_go_with_a_network_of_ones_own() -> None:
    with pytest.raises(ValueError, match=r"experts beside a network of one's own"):
        EEDTP(EEDTPOptions(experts=ExpertOptions()), network=wrapped())
    with pytest.raises(ValueError, match=r"a network of one's own; expected 'nafnet'"):
        EEDTP(EEDTPOptions(), network=wrapped()).adopted({})
