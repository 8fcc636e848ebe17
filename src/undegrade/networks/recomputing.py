"""Inner values that are computed a second time for the gradient instead of being kept."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint


class _SameAttention(AbstractContextManager[None]):
    """Attention by the same kernels as when this was made; to be entered as often as need be.

    Whoever wants gradients of gradients switches fused attention off while the loss is computed.
    What is computed again for the gradient comes later, and other kernels keep other values.
    """

    def __init__(self) -> None:
        cuda = torch.backends.cuda  # which decide on the processor's kernels as well
        fused = (cuda.flash_sdp_enabled, cuda.mem_efficient_sdp_enabled, cuda.cudnn_sdp_enabled)
        self._plain = not any(is_enabled() for is_enabled in fused)  # type: ignore[no-untyped-call]
        self._entered = ExitStack()

    def __enter__(self) -> None:
        if self._plain:
            self._entered.enter_context(sdpa_kernel(SDPBackend.MATH))

    def __exit__(self, *_error: object) -> None:
        self._entered.close()


def _contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Return what surrounds the first computation, and what each further one."""
    return nullcontext(), _SameAttention()


recomputed = partial(
    checkpoint, use_reentrant=False, preserve_rng_state=False, context_fn=_contexts
)
"""``recomputed(part, *given)``: what a part makes of what it is given, of which nothing inside is
kept for the gradient. Nothing in it may be random."""
