"""Ogg files are read in full: several links, foreign bytes, streams that libsndfile does not know."""

from __future__ import annotations

import os
import re
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

from tests.catalog.audio_files import SR, encoded, read, shortfall, tones
from thresher.catalog.audio.ogg import ogg_streams
from thresher.catalog.audio.reader import AudioReader

SECONDS = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One file of each codec, and Vorbis at another rate."""
    folder = tmp_path_factory.mktemp("ogg")
    options = {
        "vorbis": ("-c:a", "libvorbis"),
        "fast": ("-c:a", "libvorbis", "-ar", "44100"),
        "opus": ("-c:a", "libopus"),
        "flac": ("-c:a", "flac", "-sample_fmt", "s16"),
    }
    y = tones(SECONDS * SR)
    return {name: encoded(folder / f"{name}.ogg", y, *more).read_bytes() for name, more in options.items()}


@pytest.mark.parametrize(
    "links",
    [
        ("vorbis", "vorbis"),
        ("opus", "opus", "opus"),
        ("flac", "flac"),
    ],
    ids=" ".join,
)
def test_every_link_of_a_chain_is_read(
    tmp_path: Path, made: dict[str, bytes], links: tuple[str, ...]
) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join(made[name] for name in links))
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.decoder.name == "ffmpeg"
        frames = sum(map(len, reader.blocks()))
        assert frames / reader.format.sample_rate == pytest.approx(len(links) * SECONDS, abs=0.1)
        assert reader.shortfall(frames) is None


@pytest.mark.parametrize("name", ["vorbis", "opus"])
def test_one_stream_is_read_by_libsndfile_also_between_foreign_bytes(
    tmp_path: Path, made: dict[str, bytes], name: str
) -> None:
    path = tmp_path / "a.ogg"
    for before, after in ((b"", b""), (bytes(100), b""), (b"", os.urandom(5000))):
        path.write_bytes(before + made[name] + after)
        with AudioReader(os.fsencode(path)) as reader:
            assert reader.decoder.name == "libsndfile"
            rate = reader.format.sample_rate
        assert len(read(path)) / rate == pytest.approx(SECONDS, abs=0.05)
        assert shortfall(path) is None


@pytest.mark.parametrize("name", ["vorbis", "fast", "opus"])
def test_the_declared_length_is_that_of_the_audio(tmp_path: Path, made: dict[str, bytes], name: str) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(made[name])
    for decoder in ("libsndfile", "ffmpeg"):
        with AudioReader(os.fsencode(path), decoder) as reader:
            assert reader.declared_frames() == SECONDS * reader.format.sample_rate
            assert sum(map(len, reader.blocks())) == SECONDS * reader.format.sample_rate


def test_a_chain_and_a_stream_without_audio_declare_no_length(tmp_path: Path, made: dict[str, bytes]) -> None:
    path = tmp_path / "a.ogg"
    opus = made["opus"]
    third = opus.index(b"OggS", opus.index(b"OpusTags"))
    for content in (opus * 2, opus[:third]):
        path.write_bytes(content)
        with path.open("rb") as file:
            assert ogg_streams(file.fileno(), 0, len(content)).seconds is None


@pytest.mark.parametrize(
    "links", [("vorbis", "fast"), ("vorbis", "vorbis", "fast"), ("opus", "vorbis")], ids=" ".join
)
def test_a_link_in_another_format_is_not_passed_over_in_silence(
    tmp_path: Path, made: dict[str, bytes], links: tuple[str, ...]
) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join(made[name] for name in links))
    with AudioReader(os.fsencode(path)) as reader:
        frames = sum(map(len, reader.blocks()))
        assert frames / reader.format.sample_rate == pytest.approx((len(links) - 1) * SECONDS, abs=0.1)
        lost = f"but {len(made[links[-1]]):,} bytes of another Ogg stream follow, in another format"
        assert lost in str(reader.shortfall(frames))


def test_without_ffmpeg_the_status_says_that_a_stream_is_not_read(
    tmp_path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thresher.catalog.audio.reader.find_ffmpeg", lambda: None)
    (tmp_path / "a.ogg").write_bytes(made["vorbis"] * 2)
    assert "but another Ogg stream follows, which only ffmpeg decodes; install it" in str(
        shortfall(tmp_path / "a.ogg")
    )


# Damage


@pytest.fixture(scope="module")
def paged() -> dict[str, list[bytes]]:
    """The pages of a file of each codec, with a quarter of a second of audio in each."""
    options = {
        "vorbis": ("-c:a", "libvorbis"),
        "opus": ("-c:a", "libopus"),
        "flac": ("-c:a", "flac", "-sample_fmt", "s16"),
    }
    with tempfile.TemporaryDirectory() as folder:
        y = tones(SECONDS * SR)
        return {
            name: pages_of(
                encoded(Path(folder, f"{name}.ogg"), y, *more, "-page_duration", "250000").read_bytes()
            )
            for name, more in options.items()
        }


def pages_of(content: bytes) -> list[bytes]:
    starts = [match.start() for match in re.finditer(rb"OggS\0", content)] + [len(content)]
    return [content[start:end] for start, end in pairwise(starts)]


def flipped(page: bytes) -> bytes:
    changed = bytearray(page)
    changed[-20] ^= 0x10
    return bytes(changed)


def damaged(pages: list[bytes], kind: str) -> bytes:
    before, page, after = pages[:5], pages[5], pages[6:]
    middle = {
        "a flipped bit": [flipped(page)],
        "zeros": [bytes(len(page))],
        "a lost page": [],
        "a wrong header": [page[:26] + b"\xff" * 40 + page[66:]],
    }
    if kind == "a flipped bit in the last page":
        return b"".join([*pages[:-1], flipped(pages[-1])])
    if kind == "zeros at the start of the audio":
        return b"".join([*pages[:2], bytes(len(pages[2])), *pages[3:]])
    return b"".join([*before, *middle[kind], *after])


CODECS = ["vorbis", "opus", "flac"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "kind",
    ["a flipped bit", "zeros", "a lost page", "a wrong header", "zeros at the start of the audio"],
)
def test_a_damaged_stretch_is_reported_with_its_place(
    tmp_path: Path, paged: dict[str, list[bytes]], codec: str, kind: str
) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(damaged(paged[codec], kind))
    with AudioReader(os.fsencode(path)) as reader:
        frames = sum(map(len, reader.blocks()))
        reason = str(reader.shortfall(frames))
        lost = reader.lost_share(frames)
    assert "of 2.00 s can be read: 1 of " in reason
    assert "Ogg pages is damaged or missing (between " in reason
    assert lost == pytest.approx(1 - frames / (SECONDS * reader.format.sample_rate))


@pytest.mark.parametrize("codec", CODECS)
def test_a_damaged_end_is_reported(tmp_path: Path, paged: dict[str, list[bytes]], codec: str) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(damaged(paged[codec], "a flipped bit in the last page"))
    assert "where its last Ogg page is damaged" in str(shortfall(path))


@pytest.mark.parametrize("codec", CODECS)
def test_damage_in_a_chain_is_reported(tmp_path: Path, paged: dict[str, list[bytes]], codec: str) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join(paged[codec]) + damaged(paged[codec], "a flipped bit"))
    reason = str(shortfall(path))
    assert "Ogg pages is damaged or missing" in reason
    first = reason.split("between ")[1].split()[0]
    assert SECONDS < float(first) < 2 * SECONDS


@pytest.mark.parametrize("codec", CODECS)
def test_a_link_without_its_first_page_is_read_or_reported(
    tmp_path: Path, paged: dict[str, list[bytes]], codec: str
) -> None:
    from thresher.catalog.audio.containers import set_ogg_serial

    path = tmp_path / "a.ogg"
    whole = b"".join(paged[codec])
    without = b"".join([flipped(paged[codec][0]), *paged[codec][1:]])
    path.write_bytes(whole + without)  # of the same serial number
    with AudioReader(os.fsencode(path)) as reader:
        read_seconds = sum(map(len, reader.blocks())) / reader.format.sample_rate
    assert read_seconds == pytest.approx(2 * SECONDS, abs=0.1)
    path.write_bytes(whole)
    with path.open("r+b") as file:
        set_ogg_serial(file.fileno(), len(whole), 77)
    path.write_bytes(path.read_bytes() + without)
    assert "Ogg pages of a stream follow, the beginning of which is missing" in str(shortfall(path))


@pytest.mark.parametrize("codec", CODECS)
def test_complete_files_are_not_called_damaged(
    tmp_path: Path, paged: dict[str, list[bytes]], codec: str
) -> None:
    path = tmp_path / "a.ogg"
    pages = paged[codec]
    contents = {
        "as it was written": pages,
        "foreign bytes between pages": [*pages[:4], b"OggS" + bytes(500), *pages[4:]],
        "a page twice": [*pages[:5], pages[4], *pages[5:]],
        "recorded from a broadcast": [*pages[:2], *pages[5:]],
    }
    if codec != "vorbis":  # at a gap in the numbers, decoders of Vorbis leave out a block
        contents["numbered with a gap"] = [*pages[:5], *map(renumbered, pages[5:])]
    for name, parts in contents.items():
        path.write_bytes(b"".join(parts))
        assert shortfall(path) is None, name


def renumbered(page: bytes) -> bytes:
    from thresher.catalog.audio.containers import ogg_checksum

    number = int.from_bytes(page[18:22], "little") + 3
    changed = page[:18] + number.to_bytes(4, "little") + bytes(4) + page[26:]
    return changed[:22] + ogg_checksum(changed).to_bytes(4, "little") + changed[26:]


def test_the_real_ogg_files_are_whole(corpus: Path) -> None:
    found = sorted(corpus.rglob("*.ogg"))[::40]
    assert found
    assert [path.name for path in found if shortfall(path) is not None] == []
