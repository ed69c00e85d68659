"""The defaults of all settings, and the keys of trim settings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from thresher.catalog.settings.sections import SECTIONS, Settings, TrimSection, trim_key, trim_keys


def test_defaults() -> None:
    found = {
        f"{section}.{key.name}": getattr(getattr(Settings(), section), key.name)
        for section, keys in SECTIONS.items()
        for key in fields(keys)
    }
    assert found == {
        "catalog.database": "sqlite:///catalog.db",
        "catalog.busy_timeout": 10.0,
        "trim.top_db": 50.0,
        "trim.frame_length": 256,
        "trim.hop_length": 64,
        "trim.floor_db": -72.0,
        "trim.split": False,
        "trim.split_seconds": 0.4,
        "fingerprint.backend": "auto",
        "audio.max_length": 7200.0,
        "metrics.use": ("prefix", "aligned", "likeness"),
        "metrics.default": None,
        "dupes.score": 0.85,
        "dupes.words": 12,
        "dupes.cover": 0.9,
        "suspect.likeness": 0.9,
        "ingest.executor": "processes",
        "ingest.group": 64,
        "ingest.settle": 2.0,
        "ingest.measure": True,
        "listen.player": "auto",
        "song.order": "chain",
        "song.metric": "likeness",
        "song.fade": 0.005,
        "backup.folder": ".",
        "backup.keep": 5,
        "backup.weeks": 8,
    }
    assert Settings().provenance == ()


def test_settings_do_not_change() -> None:
    settings = Settings()
    for name in SECTIONS:
        section = getattr(settings, name)
        for key in fields(section):
            with pytest.raises(FrozenInstanceError):
                setattr(section, key.name, None)


def test_equal_trim_settings_have_equal_keys() -> None:
    assert trim_key(TrimSection()) == trim_key(TrimSection())
    assert trim_key(TrimSection()) != trim_key(TrimSection(top_db=30.0))


def test_the_key_of_trim_settings_names_every_version_but_the_first() -> None:
    old = '{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}'
    now = trim_key(TrimSection())
    assert now != old == trim_key(TrimSection(), version=1)
    assert trim_keys(TrimSection()) == {old, now}
