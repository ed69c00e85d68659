"""Make a song again on another machine: pack its rendering into a folder, and unpack it there.

    python examples/reproduce_song.py pack "DOMAINAL SKELETON" parcel      (where the catalog is)
    python examples/reproduce_song.py unpack parcel again.wav              (anywhere; no catalog is needed)

The parcel holds a manifest and the source files. With the same versions of the libraries, the bytes are the same.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import thresher

MANIFEST = "song.manifest.json"


def pack(name: str, parcel: Path) -> None:
    """Render a song, and put its manifest and the files of its clips into a folder."""
    parcel.mkdir(exist_ok=True)
    with thresher.Catalog.open() as catalog:
        rendered = thresher.render(catalog, name, f"{name}.wav", manifest=parcel / MANIFEST, overwrite=True)
        _, manifest = thresher.read_manifest(parcel / MANIFEST)
        ids = [str(clip.clip) for clip in manifest.clips]
        for number, path in enumerate(thresher.clip_paths(catalog, ids)):
            source = Path(os.fsdecode(path))
            # `unpack` finds the files by their contents, so any name will do
            shutil.copy2(source, parcel / f"{number:04}{source.suffix}")
    print(f"{rendered.path}: rendering {rendered.number}; {parcel} holds its {rendered.clips} clips")


def unpack(parcel: Path, output: str) -> None:
    """Make the song of a parcel again, show what plays when, and check that it is the same."""
    song, manifest = thresher.read_manifest(parcel / MANIFEST)
    for track in song.tracks:
        at = track.output_start / song.sample_rate
        print(f"{int(at // 60)}:{at % 60:04.1f}  {track.run} e{track.epoch}  {Path(track.path).name}")
    report = thresher.reproduce(parcel / MANIFEST, parcel, output)
    print(f"{report.path}: {manifest.song}, {report.clips} clips")
    if not report.same_bytes:
        sys.exit(f"the bytes differ: it was made with {manifest.versions}")
    print("its bytes are those of the first rendering")


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["pack", name, parcel]:
                pack(name, Path(parcel))
            case ["unpack", parcel, output]:
                unpack(Path(parcel), output)
            case _:
                sys.exit("usage: python examples/reproduce_song.py pack SONG FOLDER | unpack FOLDER FILE")
    except thresher.ThresherError as error:
        sys.exit(f"error: {error}")
