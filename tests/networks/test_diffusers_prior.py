"""Networks of diffusers as priors: what comes out of them, and which are refused."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from random_networks import randomised
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from undegrade.errors import MissingExtraError, WeightsError
from undegrade.networks.diffusers_prior import DiffusersPrior

NAME = "someone/ddpm"
SHAPE: dict[str, Any] = {
    "sample_size": 16,
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 8,
}
SCHEDULER = {  # as diffusers wrote it in 2022
    "_class_name": "DDPMScheduler",
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "variance_type": "fixed_small",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    return tmp_path / "home"


def save(folder: Path, scheduler: dict[str, Any] | None = SCHEDULER, **changes: Any) -> Any:
    """Save a network with random weights; return it."""
    diffusers = pytest.importorskip("diffusers")
    network = randomised(diffusers.UNet2DModel(**SHAPE | changes))
    network.save_pretrained(folder)
    if scheduler is not None:
        (folder / "scheduler_config.json").write_text(json.dumps(scheduler))
    return network


def noisy() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 16, 24, generator=generator), torch.tensor([3, 700])


@pytest.fixture
def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], list[str]]]:
    """What diffusers has logged, and what was printed."""
    logs = pytest.importorskip("diffusers").utils.logging
    records: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: records.append(record.getMessage()))
    logs.add_handler(handler)
    before = logs.get_verbosity(), logs.is_progress_bar_enabled()
    yield lambda: [*records, *filter(None, capsys.readouterr())]
    logs.remove_handler(handler)
    assert (logs.get_verbosity(), logs.is_progress_bar_enabled()) == before


def by_hand(network: Any, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return all that comes out, and what leaves the middle."""
    e = network.time_embedding(network.time_proj(t))
    hidden = network.conv_in(x)
    for block in network.down_blocks:
        hidden, _ = block(hidden, e)
    return network(x, t).sample, network.mid_block(hidden, e)


@pytest.mark.parametrize("out_channels", [3, 6])
def test_noise_and_middle_come_out(tmp_path: Path, out_channels: int) -> None:
    network = save(tmp_path / "folder", out_channels=out_channels)
    prior = DiffusersPrior(str(tmp_path / "folder"))
    assert (prior.size, prior.multiple_of, prior.times) == (16, 2, 1000)
    with torch.no_grad():
        expected, middle = by_hand(network, *noisy())
        found = prior(*noisy())
    assert found[0].shape == (2, 3, 16, 24)
    assert found[1].shape == (2, 16, 8, 12)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found[0], expected[:, :3])
    torch.testing.assert_close(found[1], middle)


def test_it_is_a_module_that_its_owner_freezes(tmp_path: Path) -> None:
    save(tmp_path / "folder")
    prior = DiffusersPrior(str(tmp_path / "folder"))
    assert not prior.network.training
    assert all(parameter.requires_grad for parameter in prior.parameters())
    prior.requires_grad_(False)
    x, t = noisy()
    x.requires_grad_()
    noise, middle = prior(x, t)
    for value in (noise, middle):
        [gradient] = torch.autograd.grad(value.square().mean(), x, retain_graph=True)
        assert gradient.abs().max() > 0


def test_in_half_precision(tmp_path: Path) -> None:
    save(tmp_path / "folder")
    prior = DiffusersPrior(str(tmp_path / "folder"))
    with torch.no_grad():
        expected = prior(*noisy())
        found = prior.to(torch.bfloat16)(*noisy())
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        error = (one - other).square().mean().sqrt() / other.square().mean().sqrt()
        assert 0 < error < 0.1


def test_nothing_stays_behind(tmp_path: Path) -> None:
    save(tmp_path / "folder")
    prior = DiffusersPrior(str(tmp_path / "folder"))

    class StumbledError(Exception):
        pass

    def stumble(*_arguments: object) -> None:
        raise StumbledError

    prior(*noisy())
    assert not prior.network.mid_block._forward_hooks
    own = prior.network.conv_out.register_forward_hook(stumble)
    with pytest.raises(StumbledError):
        prior(*noisy())
    own.remove()
    assert not prior.network.mid_block._forward_hooks
    assert prior(*noisy())[0].shape == (2, 3, 16, 24)


def test_a_pipeline_is_read(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    network = randomised(diffusers.UNet2DModel(**SHAPE))
    diffusers.DDPMPipeline(network, diffusers.DDPMScheduler()).save_pretrained(tmp_path / "whole")
    assert (tmp_path / "whole" / "scheduler" / "scheduler_config.json").is_file()
    with torch.no_grad():
        found, _ = DiffusersPrior(str(tmp_path / "whole"))(*noisy())
        torch.testing.assert_close(found, network(*noisy()).sample)
    cosine = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    cosine.save_pretrained(tmp_path / "whole" / "scheduler")
    with pytest.raises(WeightsError, match="beta_schedule='squaredcos_cap_v2'; expected 'linear'"):
        DiffusersPrior(str(tmp_path / "whole"))


def test_earlier_names_of_attention_are_read_without_a_word(
    tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    """As the networks have them that were published in 2022."""
    network = save(tmp_path / "folder")
    file = tmp_path / "folder" / "diffusion_pytorch_model.safetensors"
    earlier = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    tensors = load_file(file)
    for name in [*tensors]:
        for now, then in earlier.items():
            if f".{now}" in name:
                tensors[name.replace(now, then)] = tensors.pop(name)
    assert any(".proj_attn." in name for name in tensors)
    save_file(tensors, file, {"format": "pt"})

    told()
    prior = DiffusersPrior(str(tmp_path / "folder"))
    assert told() == []
    with torch.no_grad():
        torch.testing.assert_close(prior(*noisy())[0], network(*noisy()).sample)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_channels": 1}, "in_channels=1; expected 3"),
        ({"out_channels": 4}, "out_channels=4; expected 3 or 6"),
        ({"class_embed_type": "timestep"}, "class_embed_type='timestep'; expected None"),
        ({"num_class_embeds": 10}, "num_class_embeds=10; expected None"),
        ({"center_input_sample": True}, "center_input_sample=True; expected False"),
        ({"time_embedding_type": "fourier"}, "'fourier'; expected 'positional' or 'learned'"),
        ({"mid_block_type": None}, "mid_block_type=None; expected 'UNetMidBlock2D'"),
        ({"sample_size": None}, "sample_size=None; expected the side of a square"),
        ({"sample_size": (16, 24)}, r"sample_size=\[16, 24\]; expected the side of a square"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    save(tmp_path / "folder", None, **changes)
    with pytest.raises(WeightsError, match=f"folder cannot be a prior: .*{message}.*; take an"):
        DiffusersPrior(str(tmp_path / "folder"))


def test_a_square_may_be_told_by_both_sides(tmp_path: Path) -> None:
    save(tmp_path / "folder", None, sample_size=(16, 16))
    assert DiffusersPrior(str(tmp_path / "folder")).size == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_schedule": "scaled_linear"}, "beta_schedule='scaled_linear'; expected 'linear'"),
        ({"beta_start": 0.00085}, "beta_start=0.00085; expected 0.0001"),
        ({"beta_end": 0.012}, "beta_end=0.012; expected 0.02"),
        ({"num_train_timesteps": 4000}, "num_train_timesteps=4000; expected 1000"),
        ({"prediction_type": "v_prediction"}, "='v_prediction'; expected 'epsilon'"),
        ({"predict_epsilon": False}, "predict_epsilon=False; expected True"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr=True; expected False"),
        ({"trained_betas": [0.1]}, r"trained_betas=\[0.1\]; expected None"),
    ],
)
def test_other_noise_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    save(tmp_path / "folder", SCHEDULER | changes)
    with pytest.raises(WeightsError, match=f"scheduler_config.json cannot be .*{message}"):
        DiffusersPrior(str(tmp_path / "folder"))


def test_a_scheduler_without_beta_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "folder", {"_class_name": "ScoreSdeVeScheduler", "num_train_timesteps": 1000})
    with pytest.raises(WeightsError, match="beta_schedule=None; expected 'linear'"):
        DiffusersPrior(str(tmp_path / "folder"))


def test_a_repository_is_looked_for_at_home(home: Path) -> None:
    save(home / "priors" / NAME)
    assert DiffusersPrior(NAME).size == 16


def test_a_repository_is_fetched_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "")
    fetched = []

    def client(
        name: str, *, cache_dir: Path, allow_patterns: list[str], local_files_only: bool
    ) -> str:
        folder = cache_dir / name.replace("/", "--")
        if local_files_only and not folder.is_dir():
            raise FileNotFoundError(name)
        if not local_files_only:
            fetched.append(allow_patterns)
            save(folder)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", client)
    interrupted = home / "hub" / "someone--ddpm"
    interrupted.mkdir(parents=True)
    for _ in range(2):
        assert DiffusersPrior(NAME).size == 16
    [patterns] = fetched
    assert "unet/diffusion_pytorch_model.safetensors" in patterns
    assert "scheduler_config.json" in patterns


def test_a_repository_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("diffusers")
    with pytest.raises(WeightsError, match=r"prior 'someone/ddpm' is not on .* UNDEGRADE_OFFLINE"):
        DiffusersPrior(NAME)
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "")

    def unreachable(*_arguments: object, **_more: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(WeightsError, match=r"prior 'someone/ddpm' cannot be fetched.*no route"):
        DiffusersPrior(NAME)


@pytest.mark.parametrize("name", ["/no/where", "./here", "~/priors/x", "a/b/c", "ddpm"])
def test_a_folder_that_is_missing(name: str) -> None:
    pytest.importorskip("diffusers")
    with pytest.raises(WeightsError, match=f"there is no folder {name}; expected one, or organ"):
        DiffusersPrior(name)


def test_a_damaged_network_is_refused(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    save(tmp_path)
    name, file = str(tmp_path), tmp_path / "diffusion_pytorch_model.safetensors"
    whole = load_file(file)
    first, *others = whole
    told()
    save_file({key: whole[key] for key in others}, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=f"holds no prior .*without {first}"):
        DiffusersPrior(name)
    save_file(whole | {"more": torch.zeros(1)}, file, {"format": "pt"})
    with pytest.raises(WeightsError, match="with an unknown more"):
        DiffusersPrior(name)
    save_file(whole | {"conv_in.bias": torch.zeros(5)}, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"holds no prior .*conv_in.bias"):
        DiffusersPrior(name)
    file.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="holds no prior that can be used"):
        DiffusersPrior(name)
    file.unlink()
    with pytest.raises(WeightsError, match=r"holds no prior .*save it again with save_pretrained"):
        DiffusersPrior(name)
    assert told() == []  # but by errors


@pytest.mark.parametrize("content", [None, b"{", b"[1]", b"\xff", b'{"_class_name": "UNet"}'])
def test_a_folder_of_something_else(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("diffusers")
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(WeightsError, match="holds no prior that can be used"):
        DiffusersPrior(str(tmp_path))


def test_code_in_weights_is_not_run(tmp_path: Path) -> None:
    """Pickled weights are passed by, even where there are no others."""
    network: nn.Module = save(tmp_path)
    (tmp_path / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"no file named .*safetensors"):
        DiffusersPrior(str(tmp_path))


def test_without_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"install undegrade\[diffusers\]"):
        DiffusersPrior(NAME)
