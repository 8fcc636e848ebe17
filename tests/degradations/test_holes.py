"""Holes: as large as asked for, grown from the same strokes, or read from a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import degrade, scenery
from PIL import Image as PilImage

from undegrade.degradations import Chain, Drawn, Member
from undegrade.degradations.masks import Holes
from undegrade.errors import InputError, UsageError
from undegrade.randomness import generator


def missing(text: str, seed: int = 0) -> np.ndarray:
    flat = np.full((60, 90, 3), 0.5, np.float32)
    return (degrade(text, flat, seed) == 1).all(axis=-1)


@pytest.mark.parametrize("kind", ["thin", "thick", "strokes", "box"])
@pytest.mark.parametrize("area", [0.1, 0.5])
def test_they_have_their_area(kind: str, area: float) -> None:
    holes = missing(f"holes:kind={kind},area={area},fill=1")
    assert holes.mean() == pytest.approx(area, abs=0.04)


@pytest.mark.parametrize("kind", ["thin", "thick", "strokes"])
def test_larger_ones_contain_smaller_ones(kind: str) -> None:
    small, large = (missing(f"holes:kind={kind},area={a},fill=1", 3) for a in (0.1, 0.4))
    assert not (small & ~large).any()


def test_a_half_is_a_half() -> None:
    sides = {missing("holes:kind=half,fill=1", seed).tobytes() for seed in range(20)}
    assert len(sides) == 4
    assert missing("holes:kind=half,fill=1").mean() == 0.5


def test_what_is_not_missing_is_untouched() -> None:
    hq = scenery()
    lq = degrade("holes:fill=0", hq)
    hole = (lq == 0).all(axis=-1)
    assert np.array_equal(lq[~hole], hq[~hole])


def test_a_mask_from_a_file_is_stretched(tmp_path: Path) -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[:, :3] = 255
    PilImage.fromarray(mask).save(tmp_path / "mask.png")
    holes = missing(f"holes:file={tmp_path / 'mask.png'},fill=1")
    assert holes[:, :45].all()
    assert not holes[:, 45:].any()


def test_a_mask_is_drawn_from_a_folder(tmp_path: Path) -> None:
    for name, value in (("black", 0), ("white", 255)):
        PilImage.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / f"{name}.png")
    shares = {float(missing(f"holes:file={tmp_path},fill=1", seed).mean()) for seed in range(12)}
    assert shares == {0, 1}


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        missing(f"holes:file={tmp_path}")
    (tmp_path / "mask.png").write_text("white")
    with pytest.raises(InputError, match="cannot be read"):
        missing(f"holes:file={tmp_path}")
    with pytest.raises(InputError, match="does not exist"):
        missing(f"holes:file={tmp_path / 'nowhere.png'}")


def test_masks_that_show_what_is_kept_are_turned_round(tmp_path: Path) -> None:
    kept = np.full((16, 16), 255, np.uint8)
    kept[:4] = 0
    PilImage.fromarray(kept).save(tmp_path / "kept.png")
    hole = missing(f"holes:file={tmp_path / 'kept.png'},invert=true,fill=1")
    assert hole.mean() == pytest.approx(0.25, abs=0.02)


def write_masks(folder: Path, names: Sequence[str]) -> Path:
    """Make masks of which number n has its first n rows of eight missing."""
    folder.mkdir()
    for number, name in enumerate(names):
        mask = np.zeros((8, 8), np.uint8)
        mask[:number] = 255
        PilImage.fromarray(mask).save(folder / name)
    (folder / ".thumbs").write_text("hidden files are no masks")
    return folder


def test_the_record_says_which_mask_was_drawn(tmp_path: Path) -> None:
    """And makes the same picture again, with the same noise after it."""
    names = ["a.png", "b.png", "c.png"]
    chain = Chain.parse([f"holes:file={write_masks(tmp_path / 'masks', names)}", "noise"])
    records = {seed: chain.draw(generator(seed)) for seed in range(12)}
    named = [record.degradations[0] for record in records.values()]
    assert {Path(one.file).name for one in named if isinstance(one, Holes)} == {*names}
    for seed, record in records.items():
        again = Chain.parse(record.texts).apply(scenery(), generator(seed))
        assert np.array_equal(again, chain.apply(scenery(), generator(seed)))


def test_what_is_compared_needs_no_masks() -> None:
    """The masks of a folder may be on another machine than the shards they were used for."""
    chain, other = (Chain.parse([f"holes:file=nowhere,fill={fill}"]) for fill in (0, 1))
    assert chain.makes_the_same_as(chain)
    assert not chain.makes_the_same_as(other)


def settled(text: str, photo: Member) -> Drawn:
    return Chain.parse([text]).draw(generator(0)).for_member(photo)


def rows_missing(drawn: Drawn) -> int:
    flat = np.full((8, 8, 3), 0.5, np.float32)
    return int((drawn.apply(flat, generator(0)) == 1).all(axis=(1, 2)).sum())


def test_each_photo_gets_its_own_mask_by_order(tmp_path: Path) -> None:
    masks = write_masks(tmp_path / "masks", ["000.png", "001.png", "002.png"])
    text = f"holes:file={masks},match=order,fill=1"
    drawn = [settled(text, Member(f"photo-{number}.jpg", number, 3)) for number in range(3)]
    assert [*map(rows_missing, drawn)] == [0, 1, 2]
    for record in drawn:  # it names the mask, and makes the same picture anywhere
        again = Chain.parse(record.texts).draw(generator(0))
        assert rows_missing(again) == rows_missing(record)
    with pytest.raises(InputError, match=r"holds 3 masks for 4 photos; expected as many"):
        settled(text, Member("photo-0.jpg", 0, 4))


def test_each_photo_gets_its_own_mask_by_name(tmp_path: Path) -> None:
    masks = write_masks(tmp_path / "masks", ["a.png", "b.png", "c.jpg", "c.png"])
    text = f"holes:file={masks},match=name,fill=1"
    assert rows_missing(settled(text, Member("beach/b.jpeg", 0, 7))) == 1
    for name, count in (("d", 0), ("c", 2)):
        with pytest.raises(InputError, match=f"holds {count} masks called {name}"):
            settled(text, Member(f"{name}.png", 0, 7))


def test_masks_that_cannot_be_matched_are_refused(tmp_path: Path) -> None:
    masks = write_masks(tmp_path / "masks", ["a.png"])
    with pytest.raises(UsageError, match="match=order and no masks"):
        Chain.parse(["holes:match=order"])
    with pytest.raises(UsageError, match="not photos of a set"):
        missing(f"holes:file={masks},match=name")
    with pytest.raises(UsageError, match="did you mean 'order'"):
        Chain.parse([f"holes:file={masks},match=ordre"])


def test_a_chain_is_tried_out_before_the_work(tmp_path: Path) -> None:
    masks = write_masks(tmp_path / "masks", ["a.png"])
    chain = Chain.parse(["noise", f"holes:file={masks},match=name,chance=0.01"])
    chain.try_out(Member("a.jpg", 0, 9))
    with pytest.raises(InputError, match="0 masks called b"):
        chain.try_out(Member("b.jpg", 0, 9))
    with pytest.raises(UsageError, match="not photos of a set"):
        chain.try_out()


@pytest.mark.parametrize("name", ["a,b.png", '"', ' a "b",c', "007", "../masks", "", "1e3", 'a"b'])
def test_the_language_spells_any_name(name: str) -> None:
    holes = Holes(file=name)
    assert Chain.parse([str(holes)]).draw_settings(generator(0)).degradations == (holes,)


def test_a_name_with_a_comma_stands_in_quotes() -> None:
    text = 'holes:file="a,b ""c"".png",invert=true, fill=0.5'
    [holes] = Chain.parse([text]).draw_settings(generator(0)).degradations
    assert holes == Holes(file='a,b "c".png', invert=True, fill=0.5)
    assert str(Chain.parse([text])) == 'holes:file="a,b ""c"".png",invert=true,fill=0.5'
    for broken in ('file="a,b.png', 'file="a"b"', 'file="a"b'):
        with pytest.raises(UsageError, match="quote that is not closed"):
            Chain.parse([f"holes:{broken}"])
    assert Holes(file=123).file == "123"  # type: ignore[arg-type]
