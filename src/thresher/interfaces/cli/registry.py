"""The table of commands: add a line here for each new command."""

from __future__ import annotations

from collections.abc import Mapping

MODULES: Mapping[str, str] = {
    "init": "init",
    "ingest": "ingest",
    "names": "names",
    "watch": "watch",
    "list": "list",
    "show": "show",
    "near": "near",
    "recipe": "recipe",
    "lineage": "lineage",
    "dupes": "dupes",
    "clusters": "clusters",
    "checkpoints": "checkpoints",
    "report": "report",
    "stats": "stats",
    "fields": "fields",
    "query": "query",
    "play": "play",
    "export": "exporting",
    "listen": "listen",
    "serve": "serve",
    "rate": "rate",
    "reject": "reject",
    "unreject": "reject",
    "trust": "reject",
    "tag": "tag",
    "note": "note",
    "modify": "modify",
    "split": "split",
    "checkpoint": "checkpoints",
    "mark": "marks",
    "unmark": "marks",
    "undo": "history",
    "history": "history",
    "song": "songs",
    "batches": "batches",
    "score": "score",
    "reanalyse": "score",
    "verify": "verify",
    "backup": "backup",
    "restore": "restore",
    "upgrade": "upgrade",
    "export-catalog": "curation_file",
    "import-catalog": "curation_file",
    "copy-catalog": "copy_catalog",
    "forget": "batches",
    "prune": "prune",
    "config": "init",
    "demo": "demo",
}
"""The module of `thresher.interfaces.cli.commands` that defines each command, in the order of `thresher --help`.

Only the module of the requested command is loaded: loading all of them takes as long as listing thousands of clips.
"""
