"""Where the parameters of a network were, and how much each was needed there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.errors import RecipeError


@dataclass(frozen=True)
class Held:
    """What moving parameters is measured by.

    Args:
        names: Of the parameters; none in states that earlier versions saved.
        anchors: Where each was.
        importance: How much each was needed.
    """

    names: Sequence[str] = ()
    anchors: Sequence[Tensor] = ()
    importance: Sequence[Tensor] = ()

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Held":
        """Return what :meth:`state` gave."""
        return cls(state.get("names", ()), state["anchors"], state["importance"])

    def state(self) -> dict[str, Any]:
        """Return what is saved."""
        return {
            "names": [*self.names],
            "anchors": [*self.anchors],
            "importance": [*self.importance],
        }

    def to(self, device: torch.device) -> "Held":
        """Return the same on a device."""
        anchors = [anchor.to(device) for anchor in self.anchors]
        return Held(self.names, anchors, [needed.to(device) for needed in self.importance])

    def fitted(self, parameters: Mapping[str, nn.Parameter]) -> "Held":
        """Return the same in the order of a network's parameters.

        Args:
            parameters: By their names in the network. What has no names is taken to be in their
                order.

        Raises:
            RecipeError: It is of another network; names the first parameter that differs.
        """
        names = self.names or [*parameters]
        sizes = {len(names), len(self.anchors), len(self.importance)}
        if len(sizes) > 1:
            raise _of_another(f"{len(self.anchors)} parameters", f"{len(names)}")
        measured = dict(zip(names, zip(self.anchors, self.importance, strict=True), strict=True))
        for name, parameter in parameters.items():
            if name not in measured:
                raise _of_another(f"no parameter '{name}'", f"one of {_shape(parameter)}")
            for one in measured[name]:
                if one.shape != parameter.shape:
                    raise _of_another(f"'{name}' of {_shape(one)}", _shape(parameter))
        for name in names:
            if name not in parameters:
                raise _of_another(f"a parameter '{name}'", "none of that name")
        anchors, importance = zip(*(measured[name] for name in parameters), strict=True)
        return Held([*parameters], anchors, importance)


def _of_another(got: str, expected: str) -> RecipeError:
    return RecipeError(
        f"what is retained was measured on another network: {got}",
        expected=f"{expected}, as in the network that is trained",
        fix="go on with the network that it was measured on, or begin a training of its own",
    )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"
