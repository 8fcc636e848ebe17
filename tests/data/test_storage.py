"""What lies far away: tried again while out of reach, and never taken for damaged."""

from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from undegrade.data import storage
from undegrade.data.batches import StepBatches
from undegrade.data.packing import PackOptions, pack
from undegrade.data.samples import Crops
from undegrade.data.shards import ShardedSource
from undegrade.data.storage import Storage
from undegrade.degradations import Chain, Mixture
from undegrade.errors import InputError, TransferError
from undegrade.images.files import find_photos


class FarAway(MemoryFileSystem):
    """Fails so many times before it answers."""

    protocol = "faraway"
    failures = 0
    error: Exception = ConnectionResetError("reset by peer")
    store: dict[str, object] = {}  # noqa: RUF012  # fsspec's own way of sharing

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        bare: str = super()._strip_protocol(path.removeprefix("faraway:/"))
        return bare

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **options: object
    ) -> bytes:
        if FarAway.failures:
            FarAway.failures -= 1
            raise FarAway.error
        content: bytes = super().cat_file(path, start, end, **options)
        return content


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", waited.append)
    fsspec.register_implementation("faraway", FarAway, clobber=True)
    monkeypatch.setattr(FarAway, "failures", 0)
    return waited


@pytest.fixture
def shards(photo_folder: Path, tmp_path: Path) -> str:
    pack(find_photos(photo_folder, recursive=False), tmp_path / "shards", PackOptions(tile=48))
    fsspec.filesystem("faraway").put(str(tmp_path / "shards"), "/bucket", recursive=True)
    return "faraway://bucket"


def crops(source: ShardedSource) -> StepBatches:
    mixture = Mixture((Chain.parse(["noise:sigma=25"]),), (1.0,))
    return StepBatches(Crops(source, 16, 4, mixture, seed=0), range(4))


@pytest.mark.parametrize(
    "error", [ConnectionResetError("reset"), TimeoutError(), OSError(5, "input"), RuntimeError("x")]
)
def test_a_short_failure_goes_unnoticed(
    shards: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    source = ShardedSource(shards)
    monkeypatch.setattr(FarAway, "error", error)
    FarAway.failures = 3
    batch = crops(source).batch(0)
    assert (batch.failure, batch.damaged, len(batch.lq)) == (None, (), 4)
    assert pauses == sorted(set(pauses))  # growing
    assert len(pauses) == 3


def test_a_long_failure_stops_and_names_the_address(shards: str, pauses: list[float]) -> None:
    source = ShardedSource(shards)
    FarAway.failures = 5
    batch = crops(source).batch(0)
    assert isinstance(batch.failure, TransferError)
    assert batch.damaged == ()
    assert "faraway://bucket/000000.tar cannot be reached" in str(batch.failure)
    assert "--resume" in str(batch.failure)
    assert len(pauses) == 4
    assert crops(source).batch(0).failure is None  # it is back


def test_an_index_out_of_reach_is_not_called_damaged(shards: str) -> None:
    FarAway.failures = 5
    with pytest.raises(TransferError, match=r"faraway://bucket/shards.json cannot be reached"):
        ShardedSource(shards)


def test_what_is_not_there_is_not_asked_for_again(shards: str, pauses: list[float]) -> None:
    with pytest.raises(InputError, match=r"other\.tar in faraway://bucket"):
        Storage.open(shards).read("other.tar")
    assert pauses == []


def test_a_disk_is_not_asked_again(tmp_path: Path, pauses: list[float]) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder in"):
        Storage.open(str(tmp_path)).read("folder")
    assert pauses == []
