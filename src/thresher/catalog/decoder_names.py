"""The names of the decoders, as recordings, renderings and manifests keep them. No decoder is loaded."""

from __future__ import annotations

LIBSNDFILE = "libsndfile"
FFMPEG = "ffmpeg"
