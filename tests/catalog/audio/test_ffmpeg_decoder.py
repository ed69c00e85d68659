"""ffmpeg decodes what libsndfile cannot, in any span, and its errors are named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.audio_files import SR, encoded, ffmpeg, read, shortfall, tones, write
from thresher.catalog.audio import ffmpeg_decoder
from thresher.catalog.audio.ffmpeg_decoder import FFmpegDecoder, find_ffmpeg
from thresher.catalog.audio.reader import AudioReader, present_version
from thresher.errors import AudioError, NoAudioStreamError

FOREIGN = {
    "a.m4a": ("MP4", "AAC", ()),
    "alac.m4a": ("MP4", "ALAC_16", ("-c:a", "alac", "-sample_fmt", "s16p")),
    "a.aac": ("ADTS", "AAC", ()),
    "a.webm": ("MATROSKA", "OPUS", ("-ar", "48000")),
    "a.mka": ("MATROSKA", "PCM_16", ("-c:a", "pcm_s16le")),
    "a.wma": ("ASF", "WMAV2", ()),
    "a.mov": ("MP4", "PCM_24", ("-c:a", "pcm_s24le")),
    "a.oga": ("OGG", "PCM_16", ("-c:a", "flac", "-sample_fmt", "s16")),
}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each of the FOREIGN formats: two seconds in stereo."""
    folder = tmp_path_factory.mktemp("foreign")
    y = tones(2 * SR, 2)
    return {name: encoded(folder / name, y, *options) for name, (_, _, options) in FOREIGN.items()}


@pytest.fixture
def without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No program ffmpeg is found."""
    monkeypatch.setattr(ffmpeg_decoder, "ffmpeg_programs", list)
    find_ffmpeg.cache_clear()
    yield
    find_ffmpeg.cache_clear()


@pytest.mark.parametrize("name", FOREIGN)
def test_what_libsndfile_cannot_read_is_decoded_in_full(foreign: dict[str, Path], name: str) -> None:
    container, subtype, options = FOREIGN[name]
    with AudioReader(os.fsencode(foreign[name])) as reader:
        assert (reader.decoder.name, reader.decoder.version) == ("ffmpeg", present_version("ffmpeg"))
        assert (reader.format.container, reader.format.subtype) == (container, subtype)
        assert (reader.format.sample_rate, reader.format.channels) == (
            48_000 if options[:1] == ("-ar",) else SR,
            2,
        )
    y = read(foreign[name])
    assert len(y) / reader.format.sample_rate == pytest.approx(2.0, abs=0.15)
    assert shortfall(foreign[name]) is None


@pytest.mark.parametrize(
    ("name", "step"), [("alac.m4a", 2**-15), ("a.mka", 2**-15), ("a.mov", 2**-23), ("a.oga", 2**-15)]
)
def test_lossless_samples_are_exact(foreign: dict[str, Path], name: str, step: float) -> None:
    np.testing.assert_allclose(read(foreign[name]), tones(2 * SR, 2), rtol=0, atol=step)


@pytest.mark.parametrize("name", ["a.m4a", "a.mka"])
def test_spans_in_any_order_equal_those_of_the_whole_file(foreign: dict[str, Path], name: str) -> None:
    whole = read(foreign[name])
    with AudioReader(os.fsencode(foreign[name])) as reader:
        for start, end in ((20_000, 21_000), (5, 500), (500, 30_000), (0, None), (len(whole) + 9, None)):
            blocks = [whole[:0], *reader.blocks(start, end, 4096)]
            np.testing.assert_array_equal(np.concatenate(blocks), whole[start:end])


def test_16_bit_samples_are_those_in_the_file(foreign: dict[str, Path]) -> None:
    with AudioReader(os.fsencode(foreign["a.mka"])) as reader:
        samples = np.concatenate(list(reader.pcm16_blocks(7, 9000)))
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples / 32768, read(foreign["a.mka"])[7:9000])


def test_the_stored_decoder_is_used_whatever_the_file_suggests(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tones(SR), "WAV", "PCM_16")
    for name in ("libsndfile", "ffmpeg"):
        with AudioReader(os.fsencode(path), name) as reader:
            assert reader.decoder.name == name
            np.testing.assert_array_equal(np.concatenate(list(reader.blocks())), read(path))
    with pytest.raises(AudioError, match="unknown decoder"):
        AudioReader(os.fsencode(path), "sox")


def test_another_decoder_than_the_stored_one_never_decodes_a_lossy_file(foreign: dict[str, Path]) -> None:
    with pytest.raises(AudioError, match="Format not recognised"):
        AudioReader(os.fsencode(foreign["a.m4a"]), "libsndfile")


def test_the_suffix_and_the_name_do_not_matter(tmp_path: Path, foreign: dict[str, Path]) -> None:
    path = os.fsencode(tmp_path) + b"/-i concat:\xff%d.wav"
    os.link(foreign["a.m4a"], path)
    np.testing.assert_array_equal(read(path), read(foreign["a.m4a"]))


def test_the_first_audio_stream_of_a_film_is_read_and_a_silent_film_has_none(tmp_path: Path) -> None:
    picture = ["-f", "lavfi", "-i", "color=c=red:s=32x32:d=1:r=5"]
    film = encoded(tmp_path / "film.mp4", tones(SR), *picture, "-shortest")
    assert len(read(film)) / SR == pytest.approx(1.0, abs=0.1)
    silent = tmp_path / "silent.mp4"
    subprocess.run([ffmpeg(), "-v", "error", *picture, str(silent)], check=True)
    with pytest.raises(NoAudioStreamError, match="holds no audio stream"):
        AudioReader(os.fsencode(silent))


@pytest.mark.parametrize("name", ["a.aac", "a.webm", "a.wma"])
def test_a_cut_file_is_truncated_and_keeps_what_decodes(
    tmp_path: Path, foreign: dict[str, Path], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(foreign[name].read_bytes()[:-3001])
    assert 0.5 * len(read(foreign[name])) < len(read(path)) < len(read(foreign[name]))
    assert "bytes of the file are missing" in str(shortfall(path))


@pytest.mark.parametrize("suffix", ["wv", "tta"])
def test_a_cut_or_joined_file_says_what_is_not_read(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}", tones(3 * SR))
    content = path.read_bytes()
    assert shortfall(path) is None
    path.write_bytes(content[: len(content) // 2])
    assert "of 3.00 s" in str(shortfall(path))
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.lost_share(SR) == pytest.approx(2 / 3, abs=0.01)
    path.write_bytes(content * 2)
    assert f"{len(content):,} bytes of another stream follow" in str(shortfall(path))


def test_the_error_names_the_complaint_of_the_decoder(tmp_path: Path, foreign: dict[str, Path]) -> None:
    (tmp_path / "a.m4a").write_bytes(foreign["a.m4a"].read_bytes()[:5000])
    with pytest.raises(AudioError, match="moov atom not found"):
        AudioReader(os.fsencode(tmp_path / "a.m4a"))


@pytest.mark.parametrize(
    "content", [b"#EXTM3U\n/etc/passwd\n", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, b"1"]
)
def test_no_error_says_that_a_file_does_not_exist(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3\4\0\0\0\0\0\5hello" + content)
    with pytest.raises(AudioError) as caught:
        AudioReader(os.fsencode(tmp_path / "a.mp3"))
    assert "exist" not in str(caught.value)
    assert "whitelist" not in str(caught.value)


def test_a_playlist_reads_no_other_file(tmp_path: Path, foreign: dict[str, Path]) -> None:
    for name, text in {
        "a.m4a": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{foreign['a.aac']}\n#EXT-X-ENDLIST\n",
        "b.m4a": f"ffconcat version 1.0\nfile '{foreign['a.aac']}'\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(AudioError):
            AudioReader(os.fsencode(tmp_path / name))


@pytest.mark.usefixtures("without_ffmpeg")
def test_without_ffmpeg_the_error_says_how_to_install_it(
    foreign: dict[str, Path],
) -> None:
    with pytest.raises(AudioError, match=r"only ffmpeg can decode this; install it with `.*ffmpeg`"):
        AudioReader(os.fsencode(foreign["a.m4a"]))


def test_a_decoder_that_stalls_is_killed(
    tmp_path: Path, foreign: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg_decoder, "STALL_SECONDS", 0.05)
    monkeypatch.setattr(ffmpeg_decoder, "find_ffmpeg", lambda: str(program))
    with pytest.raises(AudioError, match="has written nothing"):
        AudioReader(os.fsencode(foreign["a.m4a"]))


def test_a_reader_that_is_closed_early_leaves_no_process(foreign: dict[str, Path]) -> None:
    fd = os.open(foreign["a.mka"], os.O_RDONLY)
    try:
        decoder = FFmpegDecoder(fd)
        decoder.read(10)
        process = decoder._process
        decoder.close()
        assert process.returncode is not None
    finally:
        os.close(fd)
