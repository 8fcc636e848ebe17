"""What was done to a photo, written into the file as XMP.

The packet says that the picture is algorithmically enhanced (a term of the IPTC's vocabulary that
photo tools and platforms read) and how to make it again. It holds no time and no name: the same
run writes the same bytes. It is about what was done, not about the person, so it is written even
where all other metadata are stripped.
"""

from dataclasses import dataclass

from undegrade.images.xmp import XMP, XmpError, XmpPacket

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OWN = "urn:undegrade:provenance:1.0#"


@dataclass(frozen=True)
class Provenance:
    """What is needed to make a restored photo again from its original.

    Args:
        model: Name of the model.
        weights_hash: SHA-256 of its weights, in hexadecimal digits.
        seed: Seed of the noise.
        steps: Number of network evaluations.
        version: Version of undegrade.
        sampler: How the flow was walked; empty where there is no choice.
        deterministic: Whether this is the mean over fixed draws.
        texture: Share of the drawn texture that was added; None where the method draws none.
        task: What it was asked to undo; empty where the model saw for itself.
        variant: Which of several draws this is, from 1; 0 where only one was asked for.
        mean_of: Number of draws that this is the mean of; 0 for a single draw.
    """

    model: str
    weights_hash: str
    seed: int
    steps: int
    version: str
    sampler: str = ""
    deterministic: bool = False
    texture: float | None = None
    task: str = ""
    variant: int = 0
    mean_of: int = 0


def write_provenance(provenance: Provenance, existing: bytes | None = None) -> bytes:
    """Return an XMP packet that records ``provenance``.

    Args:
        provenance: What was done.
        existing: The packet that the photo came with; its other properties are kept. One that
            cannot be parsed is replaced.
    """
    packet = _open(existing)
    packet.set(_IPTC_EXTENSION, "Iptc4xmpExt", "DigitalSourceType", DIGITAL_SOURCE_TYPE)
    if packet.get(XMP, "CreatorTool") is None:  # by definition the first tool, not the last
        packet.set(XMP, "xmp", "CreatorTool", f"undegrade {provenance.version}")
    for name, value in (
        ("Model", provenance.model),
        ("WeightsHash", provenance.weights_hash),
        ("Seed", str(provenance.seed)),
        ("Steps", str(provenance.steps)),
        ("Version", provenance.version),
        ("Sampler", provenance.sampler),
        ("Deterministic", "True" if provenance.deterministic else ""),
        ("Texture", "" if provenance.texture is None else repr(provenance.texture)),
        ("Task", provenance.task),
        ("Variant", str(provenance.variant or "")),
        ("MeanOf", str(provenance.mean_of or "")),
    ):
        packet.remove(_OWN, name)  # what an earlier run said of itself
        if value:
            packet.set(_OWN, "undegrade", name, value)
    return packet.to_bytes()


def read_provenance(xmp: bytes) -> Provenance | None:
    """Return what an XMP packet says that undegrade did; None if it says nothing whole."""
    try:
        packet = XmpPacket(xmp)
        model, weights_hash, seed, steps, version = (
            packet.get(_OWN, name) for name in ("Model", "WeightsHash", "Seed", "Steps", "Version")
        )
        if model is None or weights_hash is None or version is None:
            return None
        sampler = packet.get(_OWN, "Sampler") or ""
        deterministic = packet.get(_OWN, "Deterministic") == "True"
        texture = packet.get(_OWN, "Texture")
        return Provenance(
            model,
            weights_hash,
            int(seed or ""),
            int(steps or ""),
            version,
            sampler,
            deterministic,
            None if texture is None else float(texture),
            packet.get(_OWN, "Task") or "",
            int(packet.get(_OWN, "Variant") or 0),
            int(packet.get(_OWN, "MeanOf") or 0),
        )
    except (XmpError, ValueError):
        return None


def _open(existing: bytes | None) -> XmpPacket:
    try:
        return XmpPacket(existing)
    except XmpError:
        return XmpPacket()
