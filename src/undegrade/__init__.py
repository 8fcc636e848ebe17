"""undegrade: a photo goes in, the same photo without its degradation comes out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.inference.restorer import Restorer, Result, restore
    from undegrade.zoo import list_models

__version__ = "0.1.0"

__all__ = ["Restorer", "Result", "__version__", "list_models", "restore"]

_MODULES = {
    "Restorer": "undegrade.inference.restorer",
    "Result": "undegrade.inference.restorer",
    "list_models": "undegrade.zoo",
    "restore": "undegrade.inference.restorer",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: torch takes its time to load."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List the public names, those that are not imported yet among them."""
    return sorted([*globals(), *_MODULES])
