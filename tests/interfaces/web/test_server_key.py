"""The key file of the room: made once, private, refused if damaged or open to others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from thresher.catalog.settings.own_files import KEY_FILE
from thresher.errors import CatalogError
from thresher.interfaces.web.server_key import is_token, read_or_create_key, token_of


def test_a_key_survives_a_restart_and_belongs_to_its_user(tmp_path: Path) -> None:
    key = read_or_create_key(tmp_path)
    assert read_or_create_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert is_token(token_of(key), key)
    assert not is_token(token_of(key)[:-1], key)
    assert not is_token("é\ud800", key)


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "\x80"])
def test_a_damaged_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_FILE).write_text(content, encoding="utf-8")
    os.chmod(tmp_path / KEY_FILE, 0o600)
    with pytest.raises(CatalogError, match="delete it"):
        read_or_create_key(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    read_or_create_key(tmp_path)
    os.chmod(tmp_path / KEY_FILE, 0o644)
    with pytest.raises(CatalogError, match="other users can read"):
        read_or_create_key(tmp_path)


def test_what_a_killed_server_left_of_a_key_is_removed(tmp_path: Path) -> None:
    left = tmp_path / f"{KEY_FILE}.4194305.part"  # no process of Linux has this number
    left.write_text("00")
    read_or_create_key(tmp_path)
    assert not left.exists()
