"""Every function that writes can run again: commands whose transactions lose once do what they do undisturbed."""

from __future__ import annotations

import re
import shutil
from contextlib import chdir, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import shelves
from tests.faults.lost_transactions import Lost, every_write_loses_once
from tests.support import Finished, copy_folder, dump, run_command
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.verify import verify


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and what the catalog holds afterwards."""

    finished: list[Finished]
    rows: dict[str, list[str]]
    lost: int


COMMANDS: dict[str, tuple[str, ...]] = {
    "empty": (
        "ingest audio",
        "ingest audio --dry-run",
        "watch audio --once --quiet 0.1 --every 0.1",
        "ingest audio --split",
    ),
    "changed_audio": (
        "ingest audio",
        "ingest audio --dry-run",
        "ingest audio --run night --epoch 7",
        "ingest audio --reread",
        "verify --files",
    ),
    "unscored": ("score",),
    "retired": ("score",),
    "shelf": (
        *(
            "rate 2 , 3 4 --yes",
            "rate 2 4 --dry-run",
            "rate 1 none --yes",
            "reject 2 --yes",
            "unreject 4 --yes",
        ),
        *("note 2 words --yes", "tag 2 --add bridge --yes", "modify 2 epoch=40 key=value --yes"),
        *("undo", "undo 2", "checkpoint 20 --keep --note good"),
        *("split 1 --every 1.5 --yes", "mark 1 0.5 1.5 --name drop", "mark 1 0.5 1.5 --dry-run"),
        *("song save day epoch:10.. --order pairs", "song edit night --drop 2", "song copy night other"),
        *("song rename night evening", "song delete night", "query save loud rating:4.."),
        *("song edit night --drop 2 --dry-run", "song render night -o out/night.wav --manifest"),
        *("export epoch:10.. --to out --trimmed", "song export night --stems out/stems"),
        *("prune --rejected --yes && prune --restore 5", "forget batch:1 --yes"),
        *("listen --minutes 1", "clusters", "ingest audio/night_epoch_10_0.wav --role reference"),
    ),
    "split_and_marked": (
        *(
            "split 1 --join --yes",
            "unmark mark:drop",
            "reanalyse",
            "mark mark:drop --name verse",
            "forget audio --yes",
        ),
        *("forget audio --yes", "ingest audio"),
    ),
    "rendered": ("song render night -o out/night.wav --manifest",),
    "two_batches": ("forget batch:2 --yes",),
    "other_settings": ("reanalyse", "ingest audio"),
    "damaged": ("verify --repair",),
    "curation_to_import": ("import-catalog curation.jsonl", "import-catalog curation.jsonl --dry-run"),
}
"""Commands that write, by the folder that they start from (see `shelves`)."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the folders that commands start from, each of which is made once."""
    return tmp_path_factory.mktemp("lost")


def _outcome(folders: Path, shelf: str, commands: list[str], folder: Path, *, losing: bool) -> Outcome:
    template = folders / shelf
    if not template.exists():
        template.mkdir()
        with chdir(template):
            getattr(shelves, shelf)()
    folder.mkdir()
    copy_folder(template, folder)
    variables = {"TMPDIR": str(folder / "tmp"), "XDG_DATA_HOME": str(folder / "data")}
    finished = []
    lost = 0
    for command in commands:
        with every_write_loses_once() if losing else nullcontext(lambda: 0) as count:
            finished.append(run_command(*command.split(), cwd=folder, **variables))
        lost += count()
    with Catalog.open(folder / "catalog.toml") as catalog:
        assert verify(catalog).is_sound
        rows = dump(catalog, times=False, without_columns=("ctime_ns", "inode"))
    shutil.rmtree(folder)
    timeless = [Finished(each[0], *map(_timeless, each[1:])) for each in finished]
    return Outcome(timeless, {name: [*map(_timeless, each)] for name, each in rows.items()}, lost)


def _timeless(text: str) -> str:
    """Return a text without seconds, milliseconds, files per second and seconds since 1970."""
    return re.sub(r"\b\d+(\.\d+)? ?(m?s|files/s)\b|\b\d{10}\.\d+", "TIME", text)


@pytest.mark.sqlite_only("ids without gaps after a transaction that was rolled back")
@pytest.mark.long
@pytest.mark.parametrize(
    ("shelf", "command"), [(shelf, command) for shelf, commands in COMMANDS.items() for command in commands]
)
def test_a_command_whose_transactions_lose_does_what_it_does_undisturbed(
    folders: Path, tmp_path: Path, shelf: str, command: str
) -> None:
    undisturbed, disturbed = (
        _outcome(folders, shelf, command.split(" && "), tmp_path / "shelf", losing=losing)
        for losing in (False, True)
    )
    assert disturbed.finished == undisturbed.finished
    assert disturbed.rows == undisturbed.rows
    assert disturbed.lost > 0, disturbed.finished


def test_a_transaction_that_lost_left_nothing(catalog: Catalog) -> None:
    calls: list[object] = []
    with every_write_loses_once() as lost:
        catalog.write(calls.append)
        catalog.write(calls.append, dry_run=True)
        assert lost() == 2
    assert len(calls) == 4
    assert Lost.sqlstate == "40001"
