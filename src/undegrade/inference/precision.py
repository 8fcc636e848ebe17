"""A method whose networks compute in fewer bits while its own arithmetic stays in float32."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.methods.base import Method


@dataclass(frozen=True)
class Runner:
    """A method, ready to run on a device.

    Args:
        exact: The method in float32, for tiles that come out non-finite otherwise.
        fast: The method at the chosen precision; the same one if that is float32.
        device: Where both are.
        dtype: Number type of the fast method's networks.
    """

    exact: Method
    fast: Method
    device: torch.device
    dtype: torch.dtype

    def with_texture(self, share: float) -> "Runner":
        """Return the same with another share of the texture; see :class:`Method`."""
        return self._changed(lambda method: method.with_texture(share))

    def with_task(self, task: str) -> "Runner":
        """Return the same for one task; see :class:`Method`."""
        return self._changed(lambda method: method.with_task(task))

    def _changed(self, change: Callable[[Method], Method]) -> "Runner":
        exact = change(self.exact)
        fast = exact if self.fast is self.exact else change(self.fast)
        return Runner(exact, fast, self.device, self.dtype)


def prepare(method: Method, device: torch.device, dtype: torch.dtype) -> Runner:
    """Put a method on a device and, if asked for, a copy at lower precision beside it.

    The method itself is moved and switched to evaluation mode.

    The copy's networks get and give tensors of pictures; these are converted on the way in and
    out. States, noise and the sampler's sums stay in float32. Numbers such as the time are left
    alone: eleven bits do not tell one step of many from the next.
    """
    exact = method.to(device).eval()
    exact.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
    return Runner(exact, exact if dtype == torch.float32 else _lowered(exact, dtype), device, dtype)


def _lowered(method: Method, dtype: torch.dtype) -> Method:
    lowered = copy.deepcopy(method)
    for network in lowered.children():
        network.to(dtype)

        def before(
            _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[Any, Any]:
            return _converted(args, dtype), _converted(kwargs, dtype)

        def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
            return _converted(output, torch.float32)

        network.register_forward_pre_hook(before, with_kwargs=True)
        network.register_forward_hook(after)
    return lowered


def _converted(value: Any, dtype: torch.dtype) -> Any:
    """Convert the pictures (tensors of three or more dimensions) in a value, however nested."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.ndim >= 3 else value
    if isinstance(value, (list, tuple)):
        items = [_converted(item, dtype) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _converted(item, dtype) for key, item in value.items()}
    return value
