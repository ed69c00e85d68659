"""Sound and pictures over HTTP."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import soundfile
from fastapi.testclient import TestClient


def test_a_clip_is_sent_as_wav_with_its_samples(client: TestClient, sounds: list[Path]) -> None:
    answer = client.get("/audio/4")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    y, sr = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    expected, rate = soundfile.read(sounds[3], dtype="int16")
    assert sr == rate
    np.testing.assert_array_equal(y, expected)


def test_ranges_are_pieces_of_the_whole(client: TestClient) -> None:
    whole = client.get("/audio/1").content
    for header, first, last in (("0-0", 0, 0), ("40-51", 40, 51), ("1001-", 1001, len(whole) - 1)):
        answer = client.get("/audio/1", headers={"range": f"bytes={header}"})
        assert answer.status_code == 206
        assert answer.content == whole[first : last + 1]
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    several = client.get("/audio/1", headers={"range": "bytes=0-3,1001-1003"})
    boundary = several.headers["content-type"].rpartition("=")[2].encode()
    parts = [part.partition(b"\r\n\r\n")[2] for part in several.content.split(b"\r\n--" + boundary)[1:-1]]
    assert parts == [whole[:4], whole[1001:1004]]
    assert int(several.headers["content-length"]) == len(several.content)
    beyond = client.get("/audio/1", headers={"range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_a_known_clip_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/audio/1").headers["etag"]
    assert client.get("/audio/1", headers={"if-none-match": tag}).status_code == 304
    stale = {"if-range": '"another"', "range": "bytes=0-1"}
    assert client.get("/audio/1", headers=stale).status_code == 200


def test_pictures_are_small_files(client: TestClient) -> None:
    picture = client.get("/thumbnails/1")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    start = picture.content.index(b"IDAT") + 4
    assert len(zlib.decompressobj().decompress(picture.content[start:])) == 64 * 241
    peaks = np.frombuffer(client.get("/peaks/1").content, np.int8).reshape(-1, 2)
    assert peaks.shape == (1024, 2)
    assert (peaks[:, 0] <= peaks[:, 1]).all()


def test_a_large_spectrum_shows_a_range_of_frequencies(client: TestClient) -> None:
    pictures = {
        name: client.get("/spectra/1", params={"range": name}).content for name in ("full", "8k", "2k")
    }
    widths = {name: struct.unpack(">II", content[16:24]) for name, content in pictures.items()}
    assert widths == {"full": (1024, 160), "8k": (1024, 160), "2k": (1024, 128)}
    assert len(set(pictures.values())) == 2  # at 16 kHz, 8 kHz is all there is
    assert client.get("/spectra/1", params={"range": "9k"}).status_code == 422


def test_only_ids_of_clips_lead_to_files(client: TestClient) -> None:
    for path in (
        "/audio/99",
        "/audio/0",
        "/audio/..%2fcatalog.db",
        "/audio/1/../../catalog.key",
        "/static/..%2f..%2fapp.py",
    ):
        assert client.get(path).status_code in (404, 422), path


def test_a_missing_or_changed_file_is_reported_in_one_sentence(
    client: TestClient, sounds: list[Path]
) -> None:
    file, away = sounds[2], sounds[2].with_suffix(".away")
    file.rename(away)
    gone = client.get("/audio/3")
    assert (gone.status_code, f"is missing: night/{file.name}" in gone.json()["error"]) == (404, True)
    file.write_bytes(b"RIFF, but no audio")
    changed = client.get("/audio/3")
    assert (changed.status_code, "holds other audio now" in changed.json()["error"]) == (404, True)
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert client.get("/audio/3").status_code == 404
    file.unlink()
    away.rename(file)
    assert client.get("/audio/3").status_code == 200


def test_the_tag_of_a_sound_is_that_of_its_bytes(client: TestClient) -> None:
    tags = {client.head(f"/{kind}/1").headers["etag"] for kind in ("audio", "thumbnails", "peaks")}
    assert len(tags) == 3
    assert client.get("/thumbnails/1", headers={"if-none-match": "*"}).status_code == 304
    assert client.get("/thumbnails/1").headers["cache-control"] == "private, max-age=60"
