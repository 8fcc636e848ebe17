"""Samplers as options: how often they ask, when they ask, and how they are written."""

import pytest
import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.any_sampler import parse_sampler
from undegrade.processes.ddim_options import DdimOptions
from undegrade.processes.samplers import Step
from undegrade.processes.sampling import SamplerOptions


def times_asked(text: str, steps: int) -> list[float]:
    asked: list[float] = []

    def velocity(x_t: Tensor, t: float) -> Tensor:
        asked.append(round(t, 6))
        return torch.zeros_like(x_t)

    SamplerOptions.parse(text).walk(velocity, torch.zeros(1, 3, 2, 2), steps)
    return asked


@pytest.mark.parametrize("name", ["euler", "heun", "midpoint"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 8])
def test_steps_are_network_evaluations_and_zero_is_never_asked_for(name: str, steps: int) -> None:
    asked = times_asked(name, steps)
    assert len(asked) == steps
    assert asked[0] == 1
    assert min(asked) > 0


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("euler:times=1/0.6/0.1/0", [1, 0.6, 0.1]),
        ("heun:times=1/0.6/0", [1, 0.6, 0.6]),
        ("midpoint:times=1/0.6/0", [1, 0.8, 0.6, 0.3]),
    ],
)
def test_times_of_ones_own_win_over_steps(text: str, asked: list[float]) -> None:
    assert times_asked(text, 99) == asked
    assert SamplerOptions.parse(text).fixed_steps == len(asked)


@pytest.mark.parametrize(
    "text", ["euler", "heun", "midpoint", "midpoint:times=1/0.6/0", "adaptive"]
)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 8])
def test_the_least_time_is_known_beforehand(text: str, steps: int) -> None:
    assert SamplerOptions.parse(text).least_time(steps) == pytest.approx(
        min(times_asked(text, steps)), abs=1e-6
    )


@pytest.mark.parametrize("text", ["heun", "midpoint", "heun:times=1/0", "heun:times=1/0.5/0"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_walk_that_is_but_eulers_says_so(text: str, steps: int) -> None:
    def walked(sampler: SamplerOptions) -> float:
        return float(sampler.walk(lambda x, t: x * t, torch.ones(1), steps))

    sampler = SamplerOptions.parse(text)
    steps = sampler.fixed_steps or steps
    remark = sampler.remark(steps)
    assert (remark is not None) == (walked(sampler) == walked(SamplerOptions()))
    assert remark is None or remark.startswith(f"{text} with steps=")


def test_the_adaptive_sampler_takes_as_many_as_it_needs() -> None:
    assert SamplerOptions.parse("adaptive").fixed_steps == 0
    assert min(times_asked("adaptive:tolerance=0.1", 1)) == 0.2


@pytest.mark.parametrize(
    "text", ["euler", "heun:times=1/0.5/0", "adaptive:tolerance=0.001", "midpoint"]
)
def test_a_sampler_is_written_as_it_is_read(text: str) -> None:
    assert str(SamplerOptions.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "eulr",
        "euler:time=1/0",
        "euler:times=",
        "euler:times=1/0.5",
        "euler:times=0/1",
        "euler:times=1/0.5/0.5/0",
        "euler:times=1/x/0",
        "adaptive:tolerance=0",
        "",
    ],
)
def test_what_is_no_sampler_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="sampler"):
        SamplerOptions.parse(text)


@pytest.mark.parametrize("name", ["heun", "midpoint", "adaptive"])
def test_the_callback_sees_each_interval(name: str) -> None:
    x_0, x_1 = torch.rand(2, 1, 3, 4, 4)
    seen: list[Step] = []
    sampler = SamplerOptions.parse(name)
    out = sampler.walk(lambda _x, _t: x_1 - x_0, x_1, 5, seen.append)
    torch.testing.assert_close(out, x_0, atol=1e-5, rtol=0)
    assert [step.number for step in seen] == [*range(len(seen))]
    for step in seen:
        torch.testing.assert_close(step.x_0, x_0, atol=1e-5, rtol=0)
    assert torch.equal(seen[-1].x_t, out)


@pytest.mark.parametrize(
    "text",
    [
        "euler:tolerance=0.5",
        "euler:name=heun",
        "euler:times=1/0.5/0,times=1/0",
        "adaptive:times=1/0",
    ],
)
def test_what_would_not_be_heeded_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"sampler|twice"):
        SamplerOptions.parse(text)


def test_times_are_written_to_the_last_digit() -> None:
    options = SamplerOptions(times=(1, 1 / 3, 0.3333333, 0))
    assert SamplerOptions.parse(str(options)) == options


@pytest.mark.parametrize("name", ["euler", "heun", "midpoint"])
@pytest.mark.parametrize("steps", [0, -1])
def test_no_number_of_steps_is_refused(name: str, steps: int) -> None:
    with pytest.raises(UsageError, match=f"steps={steps}"):
        SamplerOptions.parse(name).walk(lambda x, _t: x, torch.zeros(1), steps)


@pytest.mark.parametrize("text", ["ddim", "ddim:grid=trailing", "ddim:grid=linspace,eta=0.5"])
def test_the_walk_of_a_diffusion_is_written_as_it_is_read(text: str) -> None:
    sampler = parse_sampler(text)
    assert isinstance(sampler, DdimOptions)
    assert str(sampler) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("eulr", "no sampler 'eulr'; did you mean 'euler'? Known: adaptive, ddim, euler"),
        ("", "no sampler ''; known: adaptive, ddim"),
        ("heun:time=1/0", "sampler 'heun' has no setting 'time'; did you mean 'times'"),
        ("euler:tolerance=0.5", "sampler 'euler' has no setting 'tolerance'; known: times"),
        ("heun:name=euler", "no setting 'name'"),
        ("heun:times", "'times' in 'heun:times' has no value; expected heun:key=value"),
        ("euler:times=1/x/0", "got times=1/x/0; expected falling numbers from 1 to 0"),
        ("euler:times=1/0.2", "times=1/0.2; expected falling numbers from 1 to 0"),
        ("adaptive:tolerance=5", "tolerance='5'; expected less than 1"),
        ("adaptive:tolerance=a", "tolerance='a'; expected a valid number"),
        ("adaptive:times=1/0", "times=1/0; expected one in between"),
        ("ddim:grid=leding", "grid='leding'; did you mean 'leading'? Known: leading, linspace"),
        ("ddim:eta=1.5", "eta='1.5'; expected less than or equal to 1"),
        ("ddim:times=1/0", "sampler 'ddim' has no setting 'times'; known: eta, grid"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sampler(text)
    assert message in str(caught.value)
    for leak in ("Value error", "Input should", "{", ": :"):
        assert leak not in str(caught.value)


def test_one_step_at_the_clean_end_is_refused() -> None:
    for text in ("ddim", "ddim:grid=linspace"):
        with pytest.raises(UsageError, match=f"'{text}'; expected at least 2.*grid=trailing"):
            parse_sampler(text).check_steps(1)
        parse_sampler(text).check_steps(2)
    parse_sampler("ddim:grid=trailing").check_steps(1)
    with pytest.raises(UsageError, match="from 1 to 1000"):
        parse_sampler("ddim").check_steps(1001)


def test_samplers_of_flows_are_found_by_name() -> None:
    assert parse_sampler("heun:times=1/0.5/0") == SamplerOptions(name="heun", times=(1, 0.5, 0))
