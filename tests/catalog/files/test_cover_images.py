"""Cover images: which files are taken, and what is said about others."""

from __future__ import annotations

from pathlib import Path

import pytest

from thresher.catalog.files import cover_images
from thresher.catalog.files.cover_images import image_type, read_image
from thresher.errors import NotFoundError, UsageError

PNG, JPEG = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff\xe0rest"


def test_the_type_is_that_of_the_content() -> None:
    assert image_type(PNG) == "image/png"
    assert image_type(JPEG) == "image/jpeg"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG", b"\x00\xff\xd8\xff"])
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match="not a PNG or JPEG image; give another --cover FILE"):
        image_type(content)


def test_a_file_is_read_if_it_is_an_image_and_small_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cover.png"
    with pytest.raises(NotFoundError, match="can't be read: No such file"):
        read_image(file)
    file.write_bytes(PNG)
    assert read_image(file) == PNG
    monkeypatch.setattr(cover_images, "LARGEST", len(PNG))
    assert read_image(file) == PNG
    file.write_bytes(PNG + b"!")
    with pytest.raises(UsageError, match="give a smaller image"):
        read_image(file)
