"""A sampler of any kind, by its name."""

from undegrade.errors import UsageError
from undegrade.processes.ddim_options import DdimOptions
from undegrade.processes.sampling import Sampler, SamplerOptions
from undegrade.registry import did_you_mean


def parse_sampler(text: str) -> Sampler:
    """Read a sampler of any kind; see :meth:`Sampler.parse`.

    Raises:
        UsageError: There is no such sampler, key or value.
    """
    name = text.partition(":")[0].strip()
    kinds: tuple[type[Sampler], ...] = (SamplerOptions, DdimOptions)
    for kind in kinds:
        if name in kind.settings:
            return kind.parse(text)
    known = [name for kind in kinds for name in kind.settings]
    raise UsageError(f"there is no sampler '{name}'", fix=did_you_mean(name, known))
