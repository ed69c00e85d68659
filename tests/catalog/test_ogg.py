"""Ogg files are read in full: several links, foreign bytes, streams that libsndfile does not know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.catalog.audio_files import SR, encoded, read, shortfall, tones
from thresher.catalog.audio import AudioReader
from thresher.catalog.ogg import ogg_streams

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
    monkeypatch.setattr("thresher.catalog.audio.find_ffmpeg", lambda: None)
    (tmp_path / "a.ogg").write_bytes(made["vorbis"] * 2)
    assert "but another Ogg stream follows, which only ffmpeg decodes; install it" in str(
        shortfall(tmp_path / "a.ogg")
    )
