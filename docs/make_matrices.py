"""Make docs/matrices.svg: the score matrix of one song's clips in the order of ids, in pairs, and as a chain.

Run `python docs/make_matrices.py [--corpus DIR]`. It ingests part of the corpus next to the checkout into a
temporary catalog and draws the likeness of each pair of clips. Light means similar. The transitions are next to
the diagonal.
"""

from __future__ import annotations

import argparse
import base64
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thresher import Catalog, ingest, save_song
from thresher.catalog.scores import score_reads, scores
from thresher.curation.songs.tracklist import compare
from thresher.signal.metrics.registry import find_metric

CORPUS = Path(__file__).resolve().parents[1] / "../shared/corpus"
ORDERS = {"id+": "given order", "pairs": "pairs", "chain": "chain"}
SIDE = 260


def png(shades: NDArray[np.uint8]) -> bytes:
    """Return a greyscale PNG of `shades`, uint8, shape (rows, columns)."""
    height, width = shades.shape
    rows = b"".join(b"\0" + row.tobytes() for row in shades)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def main() -> None:
    """Ingest the clips, order them and draw the matrices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory() as folder, Catalog.create(folder) as catalog:
        ingest(
            catalog,
            [options.corpus / "neural" / "noise2music" / "table3", options.corpus / "neural/mrcqtdiff"],
        )
        save_song(catalog, "S", [])
        for place, plan in enumerate(compare(catalog, "S", list(ORDERS), "likeness")):
            with catalog.reading() as connection:
                metric = scores.metric_id(connection, "likeness", find_metric("likeness").version)
                found = score_reads.between(connection, metric, [track.clip for track in plan.tracks])
            shades = (255 * np.nan_to_num(found, nan=1.0)).astype(np.uint8)
            picture = base64.b64encode(png(shades)).decode()
            left = 20 + place * (SIDE + 20)
            mean = sum(plan.transitions) / len(plan.transitions)
            parts.append(
                f'<image x="{left}" y="40" width="{SIDE}" height="{SIDE}" style="image-rendering:pixelated" '
                f'href="data:image/png;base64,{picture}"/>'
                f'<text x="{left}" y="28">{ORDERS[plan.song.settings.ordering]}: mean transition {mean:.3f}</text>'
            )
    width = 20 + len(ORDERS) * (SIDE + 20)
    Path(__file__).with_name("matrices.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIDE + 60}" font-family="sans-serif" '
        f'font-size="15"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
