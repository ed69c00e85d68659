"""The options of an ingest: what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import UsageError


@pytest.mark.parametrize("key", ["run", "epoch", "step"])
def test_run_epoch_and_step_are_refused_as_attributes(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, key: str
) -> None:
    with pytest.raises(UsageError, match=f"--{key} 7"):
        ingest(catalog, [six_clips], replace(serial, attributes={key: "7"}))


def test_an_unknown_role_is_refused(catalog: Catalog, six_clips: Path, serial: IngestOptions) -> None:
    with pytest.raises(UsageError, match='"dog"'):
        ingest(catalog, [six_clips], replace(serial, role="dog"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epoch": -1}, "epoch -1 is out of range"),
        ({"step": 2**63}, "step 9223372036854775808 is out of range"),
        ({"attributes": {"Epoch": "1"}}, 'did you mean "epoch"'),
        ({"attributes": {"Rating": "1"}}, '"Rating" is already a query field'),
        ({"attributes": {"a\nb": "1"}}, "printable characters"),
        ({"run": "  "}, 'run "  " is empty'),
        ({"exclude": ("/",)}, "names no file or folder"),
        ({"attributes": {"rating": "1"}}, '"rating" is already a query field'),
        ({"attributes": {"mood": "\udcff"}}, r"mood \"\\xff\" is not UTF-8"),
        ({"run": "\udcff"}, r"run \"\\xff\" is not UTF-8"),
        ({"role": "dog"}, r'unknown role "dog" \(expected generated or reference\)'),
    ],
)
def test_invalid_values_are_refused(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ingest(catalog, [six_clips], replace(serial, **options))
    assert batches(catalog) == []
