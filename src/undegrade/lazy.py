"""Names whose modules are imported when they are first asked for, or called."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package: PyTorch and libvips take their time to load.

    Args:
        package: Full name of the package.
        modules: Public name to full name of the module that defines it.
    """

    def getattribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return getattribute


def lazy_function(module: str, name: str) -> Callable[..., Any]:
    """Return what calls a function whose module is imported only then.

    It can be sent to other processes, which import the module as late.

    Args:
        module: Full name of the module.
        name: Of the function in it.
    """
    return partial(_called, module, name)


def _called(module: str, name: str, *arguments: Any) -> Any:
    return getattr(import_module(module), name)(*arguments)
