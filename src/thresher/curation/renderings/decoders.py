"""Tell where another version of a decoder may change the bytes of a rendering.

Lossless formats decode to the same samples with every version; MP3, Vorbis, AAC and other lossy formats do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from thresher.catalog.audio.decoder_names import LIBSNDFILE, LOSSLESS
from thresher.catalog.audio.reader import present_version
from thresher.curation.songs.tracklist import Track
from thresher.formatting import counted


def decoder_changes(tracks: Iterable[Track], made_with: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each decoder of lossy clips whose version is not the one that was used before.

    `made_with` are the versions of the libraries of a rendering. It counts for clips whose own decoder version was
    not stored.
    """
    former: Counter[tuple[str, str]] = Counter()
    for track in tracks:
        version = track.decoder_version
        if version is None and track.decoder == LIBSNDFILE:
            version = made_with.get(LIBSNDFILE)
        if version is not None and not track.subtype.startswith(LOSSLESS):
            former[track.decoder, version] += 1
    sentences = []
    for (name, version), count in sorted(former.items()):
        present = present_version(name)
        if present not in (None, version):
            were = "was" if count == 1 else "were"
            sentences.append(
                f"{counted(count, 'lossy clip')} {were} decoded by {name} {version}, and this is {name} {present}: "
                "the same bytes are not certain"
            )
    return tuple(sentences)
