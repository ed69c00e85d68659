"""The options of an ingest, and their validation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from thresher.catalog.database.schema import ROLES
from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.provenance import CHECKPOINT_KEYS, Provenance, check_key
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.ingest.exclude import check_exclude
from thresher.errors import UsageError


@dataclass(frozen=True)
class IngestOptions:
    """What the command sets for every file of an ingest; None leaves a value to the file names and sidecars.

    `attributes` are added to each file. `role` is "generated" or "reference"; None means generated for new files
    and no change for known ones. `executor` overrides the configured one. `reread` reads the names and sidecars of
    known files again and replaces what they said before, for use after a change of `[[provenance]]`. `mark_missing`
    allows the ingest to mark most of a folder missing. `dry_run` changes nothing and reports what would change.
    `exclude` holds patterns of files and folders that are left out (see `exclude.py`). `split` says whether new
    recordings are split at silences; None leaves it to `[trim] split`.
    """

    run: str | None = None
    epoch: int | None = None
    step: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    executor: str | None = None
    reread: bool = False
    dry_run: bool = False
    score: bool = True
    mark_missing: bool = False
    exclude: tuple[str, ...] = ()
    split: bool | None = None

    def stated(self) -> Provenance:
        """Return what the flags say about every file."""
        return Provenance(self.run, self.epoch, self.step, self.attributes)


DEFAULT_OPTIONS = IngestOptions()


def check_options(options: IngestOptions) -> None:
    """Validate options before any work starts.

    Raises UsageError for an invalid option.
    """
    if options.role is not None and options.role not in ROLES:
        raise UsageError(f'unknown role "{options.role}" (expected generated or reference)')
    for name, number in (("epoch", options.epoch), ("step", options.step)):
        if number is not None and not 0 <= number <= LARGEST_INTEGER:
            raise UsageError(f"{name} {number} is out of range (expected 0 to {LARGEST_INTEGER})")
    check_exclude(options.exclude)
    if options.run is not None and not options.run.strip():
        raise UsageError(
            f'run "{options.run}" is empty; without --run, the run comes from names and sidecars'
        )
    for key, text in {"run": options.run or "", **options.attributes}.items():
        _check_text(key, text, is_attribute=key in options.attributes)


def _check_text(key: str, text: str, *, is_attribute: bool) -> None:
    try:
        text.encode("utf-8")
        if key in CHECKPOINT_KEYS and is_attribute:
            raise UsageError(f"{key} can't be set as an attribute; use --{key} {text}")
        if key != "run":
            check_key(key)
    except UnicodeEncodeError as error:
        raise UsageError(f'{key} "{display_text(os.fsencode(text))}" is not UTF-8 text') from error
    except ValueError as error:
        raise UsageError(str(error)) from error
