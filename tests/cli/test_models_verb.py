"""`undegrade models`: list, show, pull, verify."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from undegrade.zoo import store

Cli = Callable[..., Result]


@pytest.fixture
def bundled(model: Path) -> Path:
    """Make the tiny model a bundled one and return its folder."""
    return Path(shutil.copytree(model, store.BUNDLED / "tiny"))


def damage(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def test_list_is_a_table(cli: Cli, bundled: Path) -> None:
    result = cli("models", "list")
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if "tiny" in line]
    assert "denoise" in row
    assert "Apache-2.0" in row
    assert row.split()[-1] == "package"
    assert result.stderr == ""


def test_list_for_machines(cli: Cli, bundled: Path, model: Path) -> None:
    shutil.copytree(model, store.pulled_root() / "org" / "other")
    facts = [json.loads(line) for line in cli("models", "list", "--json").stdout.splitlines()]
    assert [(fact["name"], fact["bundled"]) for fact in facts] == [
        ("tiny", True),
        ("org/other", False),
    ]
    assert facts[0]["tasks"] == ["denoise"]
    assert facts[0]["default_steps"] == 2
    assert facts[0]["parameters"] > 1000
    assert len(facts[0]["sha256"]) == 64


def test_list_without_models_says_so(cli: Cli) -> None:
    result = cli("models", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no models" in result.stderr


def test_list_tells_about_damaged_models(cli: Cli, bundled: Path, model: Path) -> None:
    for name in ("cut", "bare"):
        shutil.copytree(model, store.pulled_root() / name)
    (store.pulled_root() / "cut" / "model.safetensors").write_bytes(b"\0" * 20)
    (store.pulled_root() / "bare" / "config.json").unlink()
    result = cli("models", "list")
    assert "tiny" in result.stdout
    assert "'cut' cannot be used" in result.stderr
    assert "'bare' cannot be used" in result.stderr


def test_show_gives_facts_and_card(cli: Cli, bundled: Path) -> None:
    text = cli("models", "show", "tiny").stdout
    assert "licence        Apache-2.0" in text
    assert "# tiny" in text
    facts = json.loads(cli("models", "show", "tiny", "--json").stdout)
    assert facts["method"]["name"] == "resflow"
    assert facts["recipe"] == {"name": "tiny"}


def test_models_without_their_base_are_told_of(cli: Cli, bundled: Path, model: Path) -> None:
    folder = Path(shutil.copytree(model, store.pulled_root() / "adapters"))
    facts = cli("models", "show", folder).stdout.splitlines()
    assert "base           -" in facts
    config = json.loads((folder / "config.json").read_text())
    config["base"] = {"name": "tiny", "sha256": config["sha256"]}
    (folder / "config.json").write_text(json.dumps(config))
    facts = cli("models", "show", "adapters").stdout.splitlines()
    assert "base           tiny" in facts
    assert cli("models", "verify").exit_code == 0
    config["base"]["sha256"] = "0" * 64
    (folder / "config.json").write_text(json.dumps(config))
    listed = cli("models", "list")
    assert (listed.exit_code, "tiny" in listed.stdout) == (0, True)
    assert "'adapters' cannot be used" in listed.stderr
    for verb in ("show", "verify"):
        result = cli("models", verb, "adapters")
        assert result.exit_code == 3
        assert "is another one" in " ".join(result.stderr.split())
    assert cli("models", "verify").stdout == "tiny: whole\n"


def test_show_takes_a_folder(cli: Cli, model: Path) -> None:
    assert json.loads(cli("models", "show", model, "--json").stdout)["folder"] == str(model)


def test_unknown_models_are_usage(cli: Cli, bundled: Path) -> None:
    result = cli("models", "show", "tinny")
    assert result.exit_code == 2
    assert "did you mean 'tiny'" in result.stderr


def test_pull_from_a_folder(cli: Cli, model: Path) -> None:
    result = cli("models", "pull", model)
    assert result.exit_code == 0
    assert Path(result.stdout.strip()) == store.pulled_root() / "tiny"
    assert json.loads(cli("models", "pull", model, "--json").stdout)["name"] == "tiny"


def test_pull_offline_is_about_weights(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    result = cli("models", "pull", "org/repo")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "UNDEGRADE_OFFLINE" in result.stderr


def test_verify_passes_what_is_whole(cli: Cli, bundled: Path) -> None:
    assert cli("models", "verify").stdout == "tiny: whole\n"
    result = cli("models", "verify", bundled, "--json")
    assert json.loads(result.stdout) == {"name": "tiny", "ok": True, "error": None}
    assert result.exit_code == 0


def test_verify_finds_what_is_damaged(cli: Cli, bundled: Path, model: Path) -> None:
    shutil.copytree(model, store.pulled_root() / "good")
    shutil.copytree(model, store.pulled_root() / "bare")
    (store.pulled_root() / "bare" / "config.json").unlink()
    damage(bundled)
    result = cli("models", "verify")
    assert result.exit_code == 3
    assert result.stdout == "good: whole\n"
    assert result.stderr.count("undegrade: error: ") == 2
    assert "install undegrade again" in result.stderr
    lines = [json.loads(line) for line in cli("models", "verify", "--json").stdout.splitlines()]
    assert {line["name"]: line["ok"] for line in lines} == {
        "tiny": False,
        "good": True,
        "bare": False,
    }


def test_verify_takes_several_names(cli: Cli, bundled: Path, model: Path) -> None:
    good = Path(shutil.copytree(model, store.pulled_root() / "good"))
    bare = Path(shutil.copytree(model, store.pulled_root() / "bare"))
    assert cli("models", "verify", "tiny", good).stdout == "tiny: whole\ngood: whole\n"
    (bare / "config.json").unlink()
    damage(bundled)
    result = cli("models", "verify", "tiny", "good", "bare")
    assert (result.exit_code, result.stdout) == (3, "good: whole\n")
    assert result.stderr.count("undegrade: error: ") == 2
    result = cli("models", "verify", "good", "goood", "tiny")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no model 'goood'" in result.stderr
    other = shutil.copytree(model, Path("other") / "good")
    assert cli("models", "verify", "good", other, "--json").stdout.count('"ok": true') == 2


def test_the_recipe_is_where_help_says(cli: Cli) -> None:
    text = " ".join(cli("models", "show", "--help").stdout.split())
    assert "with --json also its recipe" in text
