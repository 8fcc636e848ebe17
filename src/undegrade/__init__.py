"""undegrade: a photo goes in, the same photo without its degradation comes out."""

from typing import TYPE_CHECKING

from undegrade.lazy import lazy_names

if TYPE_CHECKING:
    from undegrade.inference.restorer import Restorer, Result
    from undegrade.inference.single import restore
    from undegrade.zoo import list_models

__version__ = "0.1.0"

__all__ = ["Restorer", "Result", "__version__", "list_models", "restore"]

_MODULES = {
    "Restorer": "undegrade.inference.restorer",
    "Result": "undegrade.inference.restorer",
    "list_models": "undegrade.zoo",
    "restore": "undegrade.inference.single",
}

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    """List the public names, those that are not imported yet among them."""
    return sorted([*__all__, "__all__", "__doc__", "__file__", "__name__", "__path__"])
