"""Networks with random numbers in all their parts."""

import torch
from torch import Tensor, nn


def randomised(network: nn.Module) -> nn.Module:
    """Replace the zeros that training begins with, so that every part shows in the output."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        with torch.no_grad():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)
    return network.eval()


def parameters(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def check_order(network: nn.Module, *inputs: Tensor) -> None:
    """Assert that each parameter but the time's is in one part, and that parts are met in order."""
    parts: list[nn.Module] = network.in_order()  # type: ignore[operator]
    met: list[nn.Module] = []
    for part in parts:
        part.register_forward_hook(lambda part, _inputs, _output: met.append(part))
    times = {id(parameter) for parameter in network.time.parameters()}  # type: ignore[union-attr]
    found = [id(parameter) for part in parts for parameter in part.parameters()]
    expected = [id(parameter) for parameter in network.parameters()]
    assert sorted(found) == sorted({*expected} - times)
    with torch.no_grad():
        network(*inputs)
    assert met == parts


def check_own_times(network: nn.Module, x: Tensor, t: Tensor) -> None:
    """Assert that each picture has its own time, and all have the one time that is given."""
    with torch.no_grad():
        together = network(x, t)
        for item in range(len(x)):
            one = slice(item, item + 1)
            torch.testing.assert_close(together[one], network(x[one], t[one]), atol=1e-3, rtol=1e-4)
        shared = network(x, t[:1])
        torch.testing.assert_close(shared, network(x, t[:1].expand(len(x))), atol=1e-3, rtol=1e-4)
        assert not torch.allclose(shared[1:], together[1:], atol=1e-2)
