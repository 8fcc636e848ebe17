"""The files of weights that learned measures need, as their authors publish them.

Names of torchvision's and pytorch-fid's files end with the first digits of their SHA-256, which is
what PyTorch's hub checks as well; that of CLIP is part of OpenAI's own address of it.
"""

from undegrade.metrics.needs import WeightFile

_TORCHVISION = "https://download.pytorch.org/models"
_PIQ = "https://github.com/photosynthesis-team/piq/releases/download"
_IMAGENET = "BSD-3-Clause, trained on ImageNet"

ALEXNET = WeightFile(
    "alexnet-owt-7be5be79.pth",
    f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
    233,
    _IMAGENET,
    "7be5be79",
)
VGG16 = WeightFile(
    "vgg16-397923af.pth", f"{_TORCHVISION}/vgg16-397923af.pth", 528, _IMAGENET, "397923af"
)
SQUEEZENET = WeightFile(
    "squeezenet1_1-b8a52dc0.pth",
    f"{_TORCHVISION}/squeezenet1_1-b8a52dc0.pth",
    5,
    _IMAGENET,
    "b8a52dc0",
)
DISTS = WeightFile("dists_weights.pt", f"{_PIQ}/v0.4.1/dists_weights.pt", 0.1, "MIT")
CLIP = WeightFile(
    "RN50.pt",
    "https://openaipublic.azureedge.net/clip/models/"
    "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762/RN50.pt",
    244,
    "MIT",
    "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
)
PROMPTS = WeightFile("clipiqa_tokens.pt", f"{_PIQ}/v0.7.1/clipiqa_tokens.pt", 0.1, "Apache-2.0")
INCEPTION = WeightFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    91,
    "Apache-2.0, trained on ImageNet",
    "6726825d",
)
NIQE = WeightFile(
    "niqe_modelparameters.mat",
    "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/niqe_modelparameters.mat",
    0.1,
    "non-commercial",
)

BACKBONES = {"alex": ALEXNET, "vgg": VGG16, "squeeze": SQUEEZENET}
"""Networks that LPIPS was trained for."""
