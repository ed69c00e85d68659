"""A persistent catalog for the audio that generative models write.

`from thresher import Catalog`, open one, and hand it to the verbs: everything that the command line does is
here. Names are loaded when they are first used, so importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog as Catalog
    from thresher.curation.checkpoint_differences import compare_checkpoints as compare_checkpoints
    from thresher.curation.checkpoints import checkpoints as checkpoints
    from thresher.curation.clip_map import MapPoint as MapPoint
    from thresher.curation.clip_map import clip_map as clip_map
    from thresher.curation.clustering import fit_clusters as fit_clusters
    from thresher.curation.clusters import clusters as clusters
    from thresher.curation.difference import difference as difference
    from thresher.curation.dupes import dupes as dupes
    from thresher.curation.editing import SongEdit as SongEdit
    from thresher.curation.editing import edit_song as edit_song
    from thresher.curation.editing import read_sequence as read_sequence
    from thresher.curation.export_clips import export_clips as export_clips
    from thresher.curation.export_song import export_song as export_song
    from thresher.curation.export_song import export_stems as export_stems
    from thresher.curation.forget import forget as forget
    from thresher.curation.hearing import mark_heard as mark_heard
    from thresher.curation.ingest import IngestOptions as IngestOptions
    from thresher.curation.ingest import ingest as ingest
    from thresher.curation.judging import history as history
    from thresher.curation.judging import modify as modify
    from thresher.curation.judging import note as note
    from thresher.curation.judging import rate as rate
    from thresher.curation.judging import reject as reject
    from thresher.curation.judging import tag as tag
    from thresher.curation.judging import trust as trust
    from thresher.curation.judging import undo as undo
    from thresher.curation.judging import unreject as unreject
    from thresher.curation.listening import finish_listening as finish_listening
    from thresher.curation.listening import plan_listening as plan_listening
    from thresher.curation.listening import resume_listening as resume_listening
    from thresher.curation.listening_playlist import write_playlist as write_playlist
    from thresher.curation.listing import fields as fields
    from thresher.curation.listing import list_clips as list_clips
    from thresher.curation.listing import show_clip as show_clip
    from thresher.curation.manifest import read_manifest as read_manifest
    from thresher.curation.near import near as near
    from thresher.curation.overview import batches as batches
    from thresher.curation.overview import stats as stats
    from thresher.curation.playback import play_clip as play_clip
    from thresher.curation.playback import play_song as play_song
    from thresher.curation.prune import plan_prune as plan_prune
    from thresher.curation.prune import prune as prune
    from thresher.curation.reanalyse import reanalyse as reanalyse
    from thresher.curation.render import render as render
    from thresher.curation.render_manifest import render_manifest as render_manifest
    from thresher.curation.renderings import renderings as renderings
    from thresher.curation.scoring import score as score
    from thresher.curation.songs import copy_song as copy_song
    from thresher.curation.songs import delete_song as delete_song
    from thresher.curation.songs import rename_song as rename_song
    from thresher.curation.songs import save_song as save_song
    from thresher.curation.songs import song_history as song_history
    from thresher.curation.songs import songs as songs
    from thresher.curation.tracklist import tracklist as tracklist
    from thresher.curation.verdicts import judge_checkpoint as judge_checkpoint
    from thresher.curation.verify import verify as verify
    from thresher.curation.verify_song import verify_song as verify_song
    from thresher.curation.watch import WatchOptions as WatchOptions
    from thresher.curation.watch import watch as watch
    from thresher.errors import ThresherError as ThresherError
    from thresher.interfaces.report.page import write_report as write_report

_HOMES = {
    "catalog.catalog": ("Catalog",),
    "curation.checkpoint_differences": ("compare_checkpoints",),
    "curation.checkpoints": ("checkpoints",),
    "curation.clip_map": ("MapPoint", "clip_map"),
    "curation.clustering": ("fit_clusters",),
    "curation.clusters": ("clusters",),
    "curation.difference": ("difference",),
    "curation.dupes": ("dupes",),
    "curation.editing": ("SongEdit", "edit_song", "read_sequence"),
    "curation.export_clips": ("export_clips",),
    "curation.export_song": ("export_song", "export_stems"),
    "curation.forget": ("forget",),
    "curation.hearing": ("mark_heard",),
    "curation.ingest": ("IngestOptions", "ingest"),
    "curation.judging": ("history", "modify", "note", "rate", "reject", "tag", "trust", "undo", "unreject"),
    "curation.listening": ("finish_listening", "plan_listening", "resume_listening"),
    "curation.listening_playlist": ("write_playlist",),
    "curation.listing": ("fields", "list_clips", "show_clip"),
    "curation.manifest": ("read_manifest",),
    "curation.near": ("near",),
    "curation.overview": ("batches", "stats"),
    "curation.playback": ("play_clip", "play_song"),
    "curation.prune": ("plan_prune", "prune"),
    "curation.reanalyse": ("reanalyse",),
    "curation.render": ("render",),
    "curation.render_manifest": ("render_manifest",),
    "curation.renderings": ("renderings",),
    "curation.scoring": ("score",),
    "curation.songs": ("copy_song", "delete_song", "rename_song", "save_song", "song_history", "songs"),
    "curation.tracklist": ("tracklist",),
    "curation.verdicts": ("judge_checkpoint",),
    "curation.verify": ("verify",),
    "curation.verify_song": ("verify_song",),
    "curation.watch": ("WatchOptions", "watch"),
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
