"""ADM by its public names: which tensors there are, and what is computed with them, plainly."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Public:
    """Sizes of a network; the defaults are those for ImageNet at 256."""

    base: int = 256
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attending: tuple[int, ...] = (3, 4, 5)  # levels, which are at 32, 16 and 8
    head: int = 64
    out: int = 6


def shapes(net: Public) -> Shapes:
    """Return the published names with their shapes."""
    c, last = [net.base * m for m in net.multipliers], len(net.multipliers) - 1
    e = 4 * net.base
    found: Shapes = {}
    for layer, width in (("0", net.base), ("2", e)):
        found |= linear(f"time_embed.{layer}", e, width)
    found |= conv("input_blocks.0.0", c[0], 3, 3)
    number, width, skips = 1, c[0], [c[0]]
    for level in range(last + 1):
        for _ in range(net.blocks):
            found |= residual(f"input_blocks.{number}.0", width, c[level], e)
            if level in net.attending:
                found |= attention(f"input_blocks.{number}.1", c[level])
            number, width = number + 1, c[level]
            skips.append(width)
        if level < last:
            found |= residual(f"input_blocks.{number}.0", width, width, e)
            number += 1
            skips.append(width)
    for name in ("middle_block.0", "middle_block.2"):
        found |= residual(name, width, width, e)
    found |= attention("middle_block.1", width)
    return found | of_decoder(net, skips) | norm("out.0", c[0]) | conv("out.2", net.out, c[0], 3)


def of_decoder(net: Public, skips: list[int]) -> Shapes:
    last, e = len(net.multipliers) - 1, 4 * net.base
    found: Shapes = {}
    number, width = 0, skips[-1]
    for level in range(last, -1, -1):
        for block in range(net.blocks + 1):
            out = net.base * net.multipliers[level]
            found |= residual(f"output_blocks.{number}.0", width + skips.pop(), out, e)
            width, part = out, 1
            if level in net.attending:
                found |= attention(f"output_blocks.{number}.1", width)
                part = 2
            if level > 0 and block == net.blocks:
                found |= residual(f"output_blocks.{number}.{part}", width, width, e)
            number += 1
    return found


def linear(name: str, out: int, inside: int) -> Shapes:
    return {f"{name}.weight": (out, inside), f"{name}.bias": (out,)}


def conv(name: str, out: int, inside: int, side: int) -> Shapes:
    return {f"{name}.weight": (out, inside, side, side), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def residual(name: str, a: int, b: int, e: int) -> Shapes:
    found = norm(f"{name}.in_layers.0", a) | conv(f"{name}.in_layers.2", b, a, 3)
    found |= linear(f"{name}.emb_layers.1", 2 * b, e)
    found |= norm(f"{name}.out_layers.0", b) | conv(f"{name}.out_layers.3", b, b, 3)
    return found | (conv(f"{name}.skip_connection", b, a, 1) if a != b else {})


def attention(name: str, c: int) -> Shapes:
    found = norm(f"{name}.norm", c)
    found |= {f"{name}.qkv.weight": (3 * c, c, 1), f"{name}.qkv.bias": (3 * c,)}
    return found | {f"{name}.proj_out.weight": (c, c, 1), f"{name}.proj_out.bias": (c,)}


def numbers(net: Public, seed: int = 0) -> dict[str, Tensor]:
    """Return random numbers for all of them, zero nowhere."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(net).items():
        fan_in = torch.Size(shape[1:]).numel() if len(shape) > 1 else 100
        state[name] = torch.randn(shape, generator=generator) * fan_in**-0.5
    return state


def evaluate(state: dict[str, Tensor], net: Public, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return all that comes out, and what leaves the middle."""
    last = len(net.multipliers) - 1
    half = net.base // 2
    angles = t[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    e = lin(state, "time_embed.0", torch.cat([angles.cos(), angles.sin()], dim=1))
    e = lin(state, "time_embed.2", e * torch.sigmoid(e))
    x = F.conv2d(x, state["input_blocks.0.0.weight"], state["input_blocks.0.0.bias"], padding=1)
    skips, number = [x], 1
    for level in range(last + 1):
        for block in range(net.blocks + 1):
            if block < net.blocks:
                x = apply_residual(state, f"input_blocks.{number}.0", x, e)
                if level in net.attending:
                    x = apply_attention(state, f"input_blocks.{number}.1", x, net.head)
            elif level < last:
                x = apply_residual(state, f"input_blocks.{number}.0", x, e, "down")
            else:
                break
            skips.append(x)
            number += 1
    x = apply_residual(state, "middle_block.0", x, e)
    x = apply_attention(state, "middle_block.1", x, net.head)
    x = middle = apply_residual(state, "middle_block.2", x, e)
    number = 0
    for level in range(last, -1, -1):
        for block in range(net.blocks + 1):
            name = f"output_blocks.{number}"
            x = apply_residual(state, f"{name}.0", torch.cat([x, skips.pop()], dim=1), e)
            if level in net.attending:
                x = apply_attention(state, f"{name}.1", x, net.head)
            if level > 0 and block == net.blocks:
                part = 2 if level in net.attending else 1
                x = apply_residual(state, f"{name}.{part}", x, e, "up")
            number += 1
    x = silu(normal(state, "out.0", x))
    return F.conv2d(x, state["out.2.weight"], state["out.2.bias"], padding=1), middle


def lin(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def normal(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    groups = x.reshape(len(x), 32, -1)
    variance, mean = torch.var_mean(groups, 2, correction=0, keepdim=True)
    x = ((groups - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)
    shape = (1, -1, *[1] * (x.ndim - 2))
    return x * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def apply_residual(
    state: dict[str, Tensor], name: str, x: Tensor, e: Tensor, resampled: str = ""
) -> Tensor:
    def resample(y: Tensor) -> Tensor:
        if resampled == "down":
            return (
                y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]
            ) / 4
        return y.repeat_interleave(2, 2).repeat_interleave(2, 3) if resampled == "up" else y

    def convolved(layer: str, y: Tensor, padding: int = 1) -> Tensor:
        weight, bias = state[f"{name}.{layer}.weight"], state[f"{name}.{layer}.bias"]
        return F.conv2d(y, weight, bias, padding=padding)

    y = convolved("in_layers.2", resample(silu(normal(state, f"{name}.in_layers.0", x))))
    told = lin(state, f"{name}.emb_layers.1", silu(e))[:, :, None, None]
    scale, shift = told[:, : y.shape[1]], told[:, y.shape[1] :]
    y = normal(state, f"{name}.out_layers.0", y) * (1 + scale) + shift
    y = convolved("out_layers.3", silu(y))
    x = resample(x)
    if f"{name}.skip_connection.weight" in state:
        x = convolved("skip_connection", x, padding=0)
    return x + y


def apply_attention(state: dict[str, Tensor], name: str, x: Tensor, head: int) -> Tensor:
    flat = x.reshape(len(x), x.shape[1], -1)
    qkv = state[f"{name}.qkv.weight"][..., 0] @ normal(state, f"{name}.norm", flat)
    qkv = qkv + state[f"{name}.qkv.bias"][:, None]
    seen = []
    for start in range(0, 3 * x.shape[1], 3 * head):  # a head's query, key and value in a row
        q, k, v = (qkv[:, start + i * head :][:, :head] for i in range(3))
        shares = torch.softmax(q.transpose(1, 2) @ k / head**0.5, dim=2)
        seen.append(v @ shares.transpose(1, 2))
    out = state[f"{name}.proj_out.weight"][..., 0] @ torch.cat(seen, dim=1)
    return x + (out + state[f"{name}.proj_out.bias"][:, None]).reshape(x.shape)
