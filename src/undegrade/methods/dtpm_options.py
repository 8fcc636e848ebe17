"""Every choice of DTPM and its ablations as an option, and which of them go together."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from undegrade.methods.base import MethodOptions
from undegrade.networks.denoiser import AdapterOptions, DenoiserOptions
from undegrade.networks.nafnet import PredictorOptions
from undegrade.networks.semantic import RESNET_CODE, SMALL_CODE
from undegrade.processes.ddim_options import DdimOptions

TEXTURE, ADAPTERS = "texture", "adapters"


class DTPMOptions(MethodOptions):
    """Options of :class:`~undegrade.methods.dtpm.DTPM`; the defaults are the paper's.

    A prior, trained in the stage ``"texture"``, has neither predictor nor adapters.
    """

    found: ClassVar[tuple[str, ...]] = ("encoder_sha256",)

    name: Literal["dtpm"] = "dtpm"
    network: DenoiserOptions = DenoiserOptions()
    predictor: PredictorOptions | None = Field(
        PredictorOptions(),
        description="Network of the first guess; without it, that is the degraded picture.",
    )
    adapters: AdapterOptions | None = Field(
        AdapterOptions(), description="What guides the frozen denoiser by the first guess."
    )
    semantic: Literal["resnet18", "small", "none"] = Field(
        "resnet18",
        description="Encoder of the semantic code: a frozen ResNet-18 that is fetched, or a small "
        "one that learns in the stage 'texture' and comes with the weights.",
    )
    encoder: str = Field(
        "microsoft/resnet-18",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="The frozen one's name on the Hugging Face hub.",
    )
    encoder_sha256: str = Field(
        "",
        pattern=r"^([0-9a-f]{64})?$",
        description="Hash of the file of its weights; filled in when it is loaded, and from then "
        "on no other file will do.",
    )
    semantic_source: Literal["initial", "lq"] = Field(
        "initial", description="Whose code it is: the first guess's, or the degraded picture's."
    )
    semantic_preview: int = Field(
        512,
        ge=0,
        description="Longest side at which the encoder sees a photo that is restored, in pixels; "
        "larger ones are shrunk to it, 0 for none. Crops in training are shown as they are.",
    )
    condition: Literal["lq", "initial"] = Field(
        "lq",
        description="What is shown beside the state: the degraded picture (eq. 6), or the first "
        "guess, which is more like the smoothed pictures that the prior has learned with.",
    )
    error: Literal["l1", "l2"] = Field("l1", description="Norm of the error of the noise.")
    residual_scale: float = Field(1.0, gt=0, description="Factor of the diffused residual.")
    texture_prior: bool = Field(
        True,
        description="Start from a prior and leave it as it is; else all learns in one stage.",
    )
    unfreeze: tuple[Literal["stem", "encoder", "middle", "decoder"], ...] = Field(
        (), description="Parts of the prior that learn all the same in the stage 'adapters'."
    )
    sampler: DdimOptions = DdimOptions()
    texture: float = Field(1.0, ge=0, le=1, description="Share of the texture that is added.")

    @property
    def code_length(self) -> int:
        """Length of the semantic code; 0 for none."""
        return {"resnet18": RESNET_CODE, "small": SMALL_CODE, "none": 0}[self.semantic]


def unheeded(options: DTPMOptions) -> dict[str, str]:
    """Return the keys of options that change nothing beside the others, and why each."""
    found: dict[str, str] = {}
    if options.predictor is None:  # both are then the degraded picture
        found |= dict.fromkeys(("condition", "semantic_source"), "predictor=null")
    if options.semantic != "resnet18":
        found |= dict.fromkeys(("encoder", "encoder_sha256"), f"semantic={options.semantic}")
    if options.semantic == "none":
        keys = ("semantic_source", "semantic_preview", "network.semantic_width")
        found |= dict.fromkeys(keys, "semantic=none")
    return found


def check_stages(options: DTPMOptions, stages: Sequence[str]) -> None:
    """Check that stages train what the options promise.

    Raises:
        ValueError: They do not; says what would.
    """
    if len(set(stages)) > 1:
        raise ValueError(
            f"stages {', '.join(stages)} in one recipe, whose data are the same for both; expected "
            "a recipe for each, the second with start_from=MODEL"
        )
    extra = [key for key in ("predictor", "adapters") if getattr(options, key) is not None]
    if TEXTURE in stages and extra:
        raise ValueError(
            f"{' and '.join(extra)} in the stage '{TEXTURE}', which trains the prior alone; "
            f"expected {' and '.join(f'{key}=null' for key in extra)}"
        )
    if TEXTURE in stages:
        _check_alone(options)
    if ADAPTERS in stages and not extra and options.texture_prior and not options.unfreeze:
        raise ValueError(
            f"stage '{ADAPTERS}' with nothing that learns; expected a predictor, adapters or parts "
            "to unfreeze"
        )
    if options.unfreeze and not options.texture_prior:
        raise ValueError(
            f"unfreeze={', '.join(options.unfreeze)} with texture_prior=false, with which nothing "
            "is frozen; expected one of the two"
        )


def _check_alone(options: DTPMOptions) -> None:
    """Check that options of the second stage alone are not given for the first.

    Raises:
        ValueError: One is.
    """
    idle = {
        f"unfreeze={', '.join(options.unfreeze)}": bool(options.unfreeze),
        "texture_prior=false": not options.texture_prior,
        "condition=initial": options.condition == "initial",
    }
    given = [text for text, is_given in idle.items() if is_given]
    if given:
        raise ValueError(
            f"{' and '.join(given)} in the stage '{TEXTURE}', where all learns and nothing is "
            f"guessed; expected no such option before the stage '{ADAPTERS}'"
        )


def check_origin(options: DTPMOptions, origin: DTPMOptions) -> None:
    """Check that a prior of these options can serve.

    Raises:
        ValueError: It is of another size, or told another code; names both values.
    """
    told = ("embedding_dim", "semantic_width")
    shape = ("stem_stride", "widths", "encoder_blocks", "middle_blocks", "decoder_blocks", *told)
    for key in shape:
        got, there = getattr(options.network, key), getattr(origin.network, key)
        if got != there:
            raise ValueError(f"network.{key}={_text(got)}, and {_text(there)} in the model")
    if options.code_length != origin.code_length:
        raise ValueError(
            f"semantic={options.semantic} (a code of {options.code_length} numbers), and "
            f"{origin.semantic} ({origin.code_length}) in the model"
        )
    if options.semantic == "resnet18" and options.encoder != origin.encoder:
        raise ValueError(f"encoder={options.encoder}, and {origin.encoder} in the model")
    hashes = options.encoder_sha256, origin.encoder_sha256
    if all(hashes) and hashes[0] != hashes[1]:
        raise ValueError(f"encoder_sha256={hashes[0]}, and {hashes[1]} in the model")
    if options.residual_scale != origin.residual_scale:
        raise ValueError(
            f"residual_scale={options.residual_scale}, and {origin.residual_scale} in the model"
        )


def _text(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
