"""The names of the decoders, as recordings, renderings and manifests keep them. No decoder is loaded."""

from __future__ import annotations

LIBSNDFILE = "libsndfile"
FFMPEG = "ffmpeg"

LOSSLESS = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW", "ALAC_", "WAVPACK_", "TTA_")
"""How the subtypes begin that every decoder decodes to the same samples."""
