"""The key of audio: equal for files that hold the same sound, whatever tags and containers are around it.

- Integer samples (PCM, FLAC, ALAC and others without loss): SHA-256 of the sample rate, the channels and the
  samples, left-justified in int32. A 16-bit WAV, its FLAC and its 24-bit copy have one key.
- Floats: SHA-256 of the sample rate, the channels and the file's own samples.
- Lossy codecs: SHA-256 of the packets, never of decoded samples, which differ by decoder and processor.

A key begins with the kind of what it was computed from. The key of a truncated file has another kind, so that a cut
file never counts as one that is complete.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.decoder_names import LIBSNDFILE
from thresher.catalog.audio.packets import mpeg_packets, ogg_packets
from thresher.catalog.audio.reader import AudioReader

_INTEGERS = {
    "PCM_S8",
    "PCM_U8",
    "PCM_16",
    "PCM_20",
    "PCM_24",
    "ULAW",
    "ALAW",
    *(f"{codec}_{bits}" for codec in ("ALAC", "TTA", "WAVPACK") for bits in (16, 20, 24)),
}
"""Subtypes whose samples are exact in float32."""

_WIDE = {"PCM_32": "int32", "DOUBLE": "float64"}
"""Subtypes whose samples are not exact in float32, and the type that holds them."""


class AudioKey:
    """Computes the key of an open file while its blocks are decoded.

    Give every block of the file to `update`, in order.
    """

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        form = reader.format
        self._is_integer = form.subtype in _INTEGERS
        self._hash = None
        if self._is_integer or form.subtype == "FLOAT":
            self._hash = _begun(form.sample_rate, form.channels)

    @property
    def needs_samples(self) -> bool:
        """Whether the key is computed from the blocks; else it is computed from the file."""
        return self._hash is not None

    def update(self, block: NDArray[np.float32]) -> None:
        """Add the next block, shape (frames, channels)."""
        if self._hash is not None:
            self._hash.update(_justified(block) if self._is_integer else _flat(block, "<f4"))

    def result(self, *, is_truncated: bool = False) -> str | None:
        """Return the key, None if there is none for this kind of file."""
        form = self._reader.format
        if self._hash is not None:
            kind, digest = "pcm" if self._is_integer else "float", self._hash.hexdigest()
        elif form.subtype in _WIDE and self._reader.decoder.name == LIBSNDFILE:
            kind, digest = _wide_key(self._reader)
        elif form.subtype.startswith("MPEG_LAYER_") and form.container == "MP3":
            kind, digest = "mpeg", _digest(mpeg_packets(self._reader.fileno(), self._reader.size))
        elif form.container == "OGG":
            kind, digest = "ogg", _digest(ogg_packets(self._reader.fileno(), self._reader.size))
        else:
            found = self._reader.packet_hash()
            if found is None:
                return None
            kind, digest = "packets", found
        return f"{kind}-cut:{digest}" if is_truncated else f"{kind}:{digest}"


def audio_key(path: bytes | str, decoder: str | None = None, *, is_truncated: bool = False) -> str | None:
    """Return the key of the audio in a file. Raises as `AudioReader` does."""
    with AudioReader(path, decoder) as reader:
        key = AudioKey(reader)
        if key.needs_samples:
            for block in reader.blocks():
                key.update(block)
        return key.result(is_truncated=is_truncated)


def _begun(sample_rate: int, channels: int) -> Any:
    return hashlib.sha256(struct.pack("<II", sample_rate, channels))


def _justified(block: NDArray[np.float32]) -> NDArray[np.int32]:
    scaled: NDArray[np.float32] = np.multiply(_flat(block, "<f4"), np.float32(1 << 31))
    return scaled.astype("<i4")


def _flat(block: NDArray[Any], kind: str) -> NDArray[Any]:
    """Return the values of a block in one dimension, whose memory a hash reads without a copy."""
    return np.ascontiguousarray(block, dtype=kind).ravel()


def _wide_key(reader: AudioReader) -> tuple[str, str]:
    """Return the kind and the digest of samples that float32 can't hold."""
    form = reader.format
    kind = _WIDE[form.subtype]
    digest = _begun(form.sample_rate, form.channels)
    for block in reader.own_blocks(kind):
        digest.update(_flat(block, "<i4" if kind == "int32" else "<f8"))
    return ("pcm" if kind == "int32" else "double"), digest.hexdigest()


def _digest(packets: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for packet in packets:
        digest.update(len(packet).to_bytes(4, "little"))
        digest.update(packet)
    return digest.hexdigest()
