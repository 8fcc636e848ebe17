"""XMP packets, and what is written into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import PROVENANCE, XMP

from undegrade.images.provenance import (
    DIGITAL_SOURCE_TYPE,
    Provenance,
    read_provenance,
    write_provenance,
)
from undegrade.images.xmp import XMP as XMP_NAMESPACE
from undegrade.images.xmp import XmpError, XmpPacket

IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
GOOGLE = "http://ns.google.com/photos/1.0/camera/"
printable = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1)


@given(st.builds(Provenance, printable, printable, st.integers(0), st.integers(1, 1000), printable))
def test_what_is_written_is_read(provenance: Provenance) -> None:
    assert read_provenance(write_provenance(provenance)) == provenance
    assert read_provenance(write_provenance(provenance, XMP)) == provenance


def test_the_picture_is_called_algorithmically_enhanced() -> None:
    packet = XmpPacket(write_provenance(PROVENANCE))
    assert packet.get(IPTC_EXTENSION, "DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert DIGITAL_SOURCE_TYPE.endswith("/algorithmicallyEnhanced")
    assert packet.get(XMP_NAMESPACE, "CreatorTool") == "undegrade 0.1.0"


def test_foreign_properties_stay_word_for_word() -> None:
    written = write_provenance(PROVENANCE, XMP)
    packet = XmpPacket(written)
    assert packet.get(XMP_NAMESPACE, "CreatorTool") == "Camera 1.0"
    assert packet.get(XMP_NAMESPACE, "Rating") == "4"
    assert "<rdf:li>Zoë &amp; Ōe</rdf:li>".encode() in written
    assert written.startswith(b"<?xpacket begin=")


def test_writing_again_replaces_and_gives_the_same_bytes() -> None:
    once = write_provenance(PROVENANCE, XMP)
    other = Provenance("other", "cd", 1, 1, "9")
    assert write_provenance(PROVENANCE, write_provenance(other, XMP)) == once
    assert write_provenance(PROVENANCE, once) == once


def test_stale_properties_go_and_their_neighbours_stay() -> None:
    packet = XmpPacket(XMP)
    packet.remove_stale()
    assert packet.get(TIFF, "Orientation") is None
    assert packet.get(GOOGLE, "MicroVideoOffset") is None
    assert packet.get(GOOGLE, "Other") == "kept"
    assert b"Thumbnails" not in packet.to_bytes()


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
DEEP = b"<a>" * 20_000 + b"</a>" * 20_000


@pytest.mark.parametrize("packet", [b"", b"no xml", b"<a/>", BOMB, b"\xff\xfe<\0", XMP[:-80], DEEP])
def test_broken_packets_are_refused_and_replaced(packet: bytes) -> None:
    with pytest.raises(XmpError):
        XmpPacket(packet)
    assert read_provenance(packet) is None
    assert read_provenance(write_provenance(PROVENANCE, packet)) == PROVENANCE


def test_half_a_record_is_none() -> None:
    packet = XmpPacket(write_provenance(PROVENANCE))
    packet.set("urn:undegrade:provenance:1.0#", "undegrade", "Seed", "seven")
    assert read_provenance(packet.to_bytes()) is None
    assert read_provenance(XMP) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_replaced_if_need_be(existing: bytes) -> None:
    assert read_provenance(write_provenance(PROVENANCE, existing)) == PROVENANCE


def test_another_run_leaves_nothing_of_the_one_before() -> None:
    first = Provenance("a", "b", 1, 2, "3", "heun", deterministic=True)
    second = Provenance("a", "b", 1, 2, "3")
    assert read_provenance(write_provenance(second, write_provenance(first))) == second
    assert read_provenance(write_provenance(first, write_provenance(second))) == first
