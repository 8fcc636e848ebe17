"""What keeps a stage of a training from undoing an earlier one: objectives for any method.

Three terms, after "Elucidating and Endowing the Diffusion Training Paradigm for General Image
Restoration" (2025): parameters that the earlier stage needs are held near where it left them, its
objective is mixed into some of the steps, for shallow layers more than for deep ones, and there the
gradients of both objectives are kept at right angles.
"""

from undegrade.training.retention.objective import RETAINED_TERMS, Retention, Share
from undegrade.training.retention.options import Retain

__all__ = ["RETAINED_TERMS", "Retain", "Retention", "Share"]
