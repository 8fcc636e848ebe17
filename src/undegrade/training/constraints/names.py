"""How recipes name diffusion models: of which kind they are, and where they are."""

from pathlib import PurePath

from undegrade.networks.hub import is_hub_name

ADM, DIFFUSERS = "adm:", "diffusers:"


def without_place(name: str) -> str:
    """Return the name of a model without the folder that it lies in on this machine.

    That of a repository on the hub is the same everywhere.
    """
    kind = next((kind for kind in (ADM, DIFFUSERS) if name.startswith(kind)), "")
    place = name.removeprefix(kind)
    if kind == DIFFUSERS and is_hub_name(place):
        return name
    return f"{kind}{PurePath(place).name}"
