"""The table of commands that are disturbed, each with the folder it starts from and what "completed" means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.faults import shelves
from tests.faults.commands import Running
from tests.faults.drivers import page

Drive = Callable[[Running], str]


@dataclass(frozen=True)
class Scenario:
    """A command, and what is expected of it.

    `prepare` fills the folder it runs in. `again` holds the exit codes of the command if it has completed already,
    besides that of an undisturbed run. `leave_out` names tables and columns that legitimately depend on how often
    the command ran. `drive` talks to a command that does not end by itself, and ends it. `has_workers` says whether
    other processes work for it, so that a kill of the parent alone differs from a kill of all. `is_sound` is
    false if the folder holds no catalog of this version, or a damaged one, before the command has run.
    """

    name: str
    command: str
    prepare: Callable[[], None]
    again: tuple[int, ...] = ()
    leave_out: tuple[str, ...] = ()
    drive: Drive | None = None
    has_workers: bool = False
    is_sound: bool = True

    @property
    def prepare_name(self) -> str:
        """The name of the folder that it starts from, which several scenarios can share."""
        if isinstance(self.prepare, partial):
            return "-".join((self.prepare.func.__name__, *self.prepare.args))
        return self.prepare.__name__

    @property
    def arguments(self) -> list[str]:
        """The words of the command line."""
        return self.command.split()


BATCHES = ("batch", "batch_id")
"""An interrupted ingest is a batch of its own, and so is the one that completes it."""

QUEUES = ("listening", "listening_clip", "decision", "writer")
"""A `listen` after the end of a queue makes a new one."""

JOURNAL = ("decision", "writer")
"""A `prune` that can't move a file is in the journal, and so is the one that completes it."""

PAGE = ("score_row", "nearest", "metric", "decision.id", "decision.sequence")
"""A page that finds its mark does not make it again, and the next `score` or `ingest` scores it. A request that
failed is sent again after the others."""

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("init", "init .", shelves.folder, again=(3,), is_sound=False),
        Scenario("ingest", "ingest audio", shelves.empty, leave_out=BATCHES),
        Scenario(
            "ingest-workers", "ingest audio", shelves.empty_with_workers, leave_out=BATCHES, has_workers=True
        ),
        Scenario("ingest-changes", "ingest audio", shelves.changed_audio, leave_out=BATCHES),
        Scenario("score", "score", shelves.unscored),
        Scenario("compaction", "score", shelves.retired),
        Scenario("split", "split 1 --every 1.5 --yes", shelves.shelf),
        Scenario("join", "split 1 --join --yes", shelves.split_and_marked),
        Scenario("mark", "mark 1 0.5 1.5 --name drop", shelves.shelf),
        Scenario("unmark", "unmark mark:drop", shelves.split_and_marked, again=(4,)),
        Scenario("rate", "rate 2 , 3 4 --yes", shelves.shelf),
        Scenario("reject", "reject 2 --yes", shelves.shelf),
        Scenario("tag", "tag 2 --add bridge --yes", shelves.shelf),
        Scenario("modify", "modify 2 epoch=40 --yes", shelves.shelf),
        Scenario("undo", "undo 3", shelves.shelf, again=(2,)),
        Scenario("song-save", "song save day epoch:10.. --order pairs", shelves.shelf),
        Scenario("song-edit", "song edit night --drop 2", shelves.shelf),
        Scenario("render", "song render night -o out/night.wav --manifest", shelves.shelf),
        Scenario("render-again", "song render night -o out/night.wav --manifest", shelves.rendered),
        Scenario("render-flac", "song render night -o out/night.flac", shelves.shelf),
        Scenario("export", "export epoch:10.. --to out", shelves.shelf),
        Scenario("export-replace", "export epoch:10.. --to out --overwrite", shelves.exported),
        Scenario(
            "export-trimmed", "export epoch:10.. --to out --trimmed", shelves.shelf, leave_out=("output.id",)
        ),
        Scenario("stems", "song export night --stems out/stems", shelves.shelf, leave_out=("output.id",)),
        Scenario("project", "song export night out/night.rpp", shelves.shelf),
        Scenario("labels", "mark 2 --export out/labels.txt", shelves.split_and_marked),
        Scenario("prune", "prune --rejected --yes", shelves.shelf, leave_out=JOURNAL),
        Scenario("prune-restore", "prune --restore 5", shelves.pruned, leave_out=BATCHES),
        Scenario("forget", "forget batch:2 --yes", shelves.two_batches, again=(4,)),
        Scenario("reanalyse", "reanalyse", shelves.other_settings),
        Scenario("repair", "verify --repair", shelves.damaged, is_sound=False),
        Scenario("backup", "backup", shelves.shelf),
        Scenario("backup-to-file", "backup out/copy.db", shelves.shelf, again=(2,)),
        Scenario("restore", "restore out/old.db --yes", shelves.backed_up),
        *(
            Scenario(f"upgrade-{revision}", "stats", partial(shelves.golden, revision), is_sound=False)
            for revision in shelves.golden_revisions()
        ),
        Scenario("export-catalog", "export-catalog out/curation.jsonl", shelves.split_and_marked),
        Scenario("import-catalog", "import-catalog curation.jsonl", shelves.curation_to_import),
        Scenario("watch", "watch audio --once --quiet 0", shelves.empty, leave_out=BATCHES),
        Scenario("listen", "listen --minutes 1", shelves.shelf, leave_out=QUEUES, has_workers=True),
        Scenario("serve", "serve --port 0 --no-open", shelves.shelf, leave_out=PAGE, drive=page),
    )
}
