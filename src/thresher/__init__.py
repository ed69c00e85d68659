"""A persistent catalog for the audio that generative models write.

`from thresher import Catalog`, open one, and hand it to the verbs: everything that the command line does is
here. Names are loaded when they are first used, so importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thresher.version import __version__

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog as Catalog
    from thresher.curation.checkpoints.comparison import compare_checkpoints as compare_checkpoints
    from thresher.curation.checkpoints.summary import checkpoints as checkpoints
    from thresher.curation.checkpoints.verdicts import judge_checkpoint as judge_checkpoint
    from thresher.curation.clips.decisions import history as history
    from thresher.curation.clips.decisions import modify as modify
    from thresher.curation.clips.decisions import note as note
    from thresher.curation.clips.decisions import rate as rate
    from thresher.curation.clips.decisions import reject as reject
    from thresher.curation.clips.decisions import tag as tag
    from thresher.curation.clips.decisions import trust as trust
    from thresher.curation.clips.decisions import undo as undo
    from thresher.curation.clips.decisions import unreject as unreject
    from thresher.curation.clips.listing import fields as fields
    from thresher.curation.clips.listing import list_clips as list_clips
    from thresher.curation.clips.listing import show_clip as show_clip
    from thresher.curation.clips.prune import plan_prune as plan_prune
    from thresher.curation.clips.prune import prune as prune
    from thresher.curation.comparison.clip_map import MapPoint as MapPoint
    from thresher.curation.comparison.clip_map import clip_map as clip_map
    from thresher.curation.comparison.cluster_fit import fit_clusters as fit_clusters
    from thresher.curation.comparison.clusters import clusters as clusters
    from thresher.curation.comparison.duplicates import dupes as dupes
    from thresher.curation.comparison.neighbours import near as near
    from thresher.curation.comparison.score import score as score
    from thresher.curation.exports.clips import export_clips as export_clips
    from thresher.curation.exports.songs import export_song as export_song
    from thresher.curation.exports.songs import export_stems as export_stems
    from thresher.curation.ingest.batches import batches as batches
    from thresher.curation.ingest.batches import stats as stats
    from thresher.curation.ingest.forget import forget as forget
    from thresher.curation.ingest.ingest import IngestOptions as IngestOptions
    from thresher.curation.ingest.ingest import ingest as ingest
    from thresher.curation.ingest.reanalyse import reanalyse as reanalyse
    from thresher.curation.ingest.verify import verify as verify
    from thresher.curation.ingest.watch import WatchOptions as WatchOptions
    from thresher.curation.ingest.watch import watch as watch
    from thresher.curation.listening.heard import mark_heard as mark_heard
    from thresher.curation.listening.player import play_clip as play_clip
    from thresher.curation.listening.player import play_song as play_song
    from thresher.curation.listening.playlist import write_playlist as write_playlist
    from thresher.curation.listening.queue import finish_listening as finish_listening
    from thresher.curation.listening.queue import plan_listening as plan_listening
    from thresher.curation.listening.queue import resume_listening as resume_listening
    from thresher.curation.renderings.diff import difference as difference
    from thresher.curation.renderings.history import renderings as renderings
    from thresher.curation.renderings.manifest import read_manifest as read_manifest
    from thresher.curation.renderings.render import render as render
    from thresher.curation.renderings.render_manifest import render_manifest as render_manifest
    from thresher.curation.renderings.verify import verify_song as verify_song
    from thresher.curation.songs.edit import SongEdit as SongEdit
    from thresher.curation.songs.edit import edit_song as edit_song
    from thresher.curation.songs.edit import read_sequence as read_sequence
    from thresher.curation.songs.songs import copy_song as copy_song
    from thresher.curation.songs.songs import delete_song as delete_song
    from thresher.curation.songs.songs import rename_song as rename_song
    from thresher.curation.songs.songs import save_song as save_song
    from thresher.curation.songs.songs import song_history as song_history
    from thresher.curation.songs.songs import songs as songs
    from thresher.curation.songs.tracklist import tracklist as tracklist
    from thresher.errors import ThresherError as ThresherError
    from thresher.interfaces.report.page import write_report as write_report

_HOMES = {
    "catalog.catalog": ("Catalog",),
    "curation.checkpoints.comparison": ("compare_checkpoints",),
    "curation.checkpoints.summary": ("checkpoints",),
    "curation.comparison.clip_map": ("MapPoint", "clip_map"),
    "curation.comparison.cluster_fit": ("fit_clusters",),
    "curation.comparison.clusters": ("clusters",),
    "curation.renderings.diff": ("difference",),
    "curation.comparison.duplicates": ("dupes",),
    "curation.songs.edit": ("SongEdit", "edit_song", "read_sequence"),
    "curation.exports.clips": ("export_clips",),
    "curation.exports.songs": ("export_song", "export_stems"),
    "curation.ingest.forget": ("forget",),
    "curation.listening.heard": ("mark_heard",),
    "curation.ingest.ingest": ("IngestOptions", "ingest"),
    "curation.clips.decisions": (
        "history",
        "modify",
        "note",
        "rate",
        "reject",
        "tag",
        "trust",
        "undo",
        "unreject",
    ),
    "curation.listening.queue": ("finish_listening", "plan_listening", "resume_listening"),
    "curation.listening.playlist": ("write_playlist",),
    "curation.clips.listing": ("fields", "list_clips", "show_clip"),
    "curation.renderings.manifest": ("read_manifest",),
    "curation.comparison.neighbours": ("near",),
    "curation.ingest.batches": ("batches", "stats"),
    "curation.listening.player": ("play_clip", "play_song"),
    "curation.clips.prune": ("plan_prune", "prune"),
    "curation.ingest.reanalyse": ("reanalyse",),
    "curation.renderings.render": ("render",),
    "curation.renderings.render_manifest": ("render_manifest",),
    "curation.renderings.history": ("renderings",),
    "curation.comparison.score": ("score",),
    "curation.songs.songs": ("copy_song", "delete_song", "rename_song", "save_song", "song_history", "songs"),
    "curation.songs.tracklist": ("tracklist",),
    "curation.checkpoints.verdicts": ("judge_checkpoint",),
    "curation.ingest.verify": ("verify",),
    "curation.renderings.verify": ("verify_song",),
    "curation.ingest.watch": ("WatchOptions", "watch"),
    "errors": ("ThresherError",),
    "interfaces.report.page": ("write_report",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604  all of them are text


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
