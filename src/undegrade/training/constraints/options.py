"""What a recipe can say of losses besides the method's own and DiffLoss."""

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PerceptualOptions(_Part):
    """Compare restored and clean pictures by the features of a frozen network."""

    weight: float = Field(1e-2, gt=0)
    features: str = Field(
        "resnet18",
        description="Whose: resnet18, learned from ImageNet and looked for where the semantic "
        "encoder is; or the middle of a diffusion model, named as in diffloss.prior, shown "
        "pictures without noise.",
    )
    encoder: str = Field(
        "microsoft/resnet-18", description="Name of that ResNet-18 on the Hugging Face hub."
    )
    features_sha256: str = Field(
        "", description="Hash of the file of its weights; filled in when it is loaded."
    )


class AdversarialOptions(_Part):
    """Let a second network, which learns meanwhile, tell restored pictures from clean ones."""

    weight: float = Field(1e-3, gt=0)
    width: int = Field(32, ge=4, description="Channels of its first layer.")
