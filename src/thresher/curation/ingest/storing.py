"""Store what an ingest has read: one group of files in one transaction.

No file is touched here: what has to be read, hashed or looked up in the file system comes as an argument.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from thresher.catalog.database.schema import FAILED_STATUSES
from thresher.catalog.files.paths import Place, display_text
from thresher.catalog.recordings import locations, recordings
from thresher.catalog.recordings.locations import Arrival, LocationState
from thresher.catalog.recordings.recordings import NewRecording
from thresher.catalog.recordings.same_audio import recording_of_file, recordings_with_audio, set_audio_key
from thresher.catalog.scores.scores import retire
from thresher.curation.analysis.file_results import Unseen, analysis_of
from thresher.curation.analysis.task import Analysis, Keyed, Unopened, Unsettled, content_of
from thresher.curation.cutting.reanalysed import follow_recut, has_cuts, recut_recording
from thresher.curation.ingest.reading import ReadFile
from thresher.curation.ingest.report import Failure, Tally, ToReadAgain
from thresher.curation.ingest.rereading import note_reread, stored_provenance
from thresher.curation.ingest.run import IngestRun


def store(
    run: IngestRun,
    connection: Connection,
    files: Sequence[ReadFile],
    vacated: Collection[LocationState],
    tally: Tally,
) -> None:
    """Store a group of files and count them in `tally`; `vacated` are locations that lost their content."""
    known = recordings.find_recordings(connection, (each.sha256 for each in files if each.sha256))
    keys = {each.sighting.stored.place: each.audio_key for each in files if each.audio_key is not None}
    same_audio = recordings_with_audio(connection, keys)
    new: list[NewRecording] = []  # added together: one by one they would cost several times as much
    stale: list[int] = []
    for file in files:
        if any(file.sha256 == each.sha256 for each in new):  # its twin has to be stored first
            _add(run, connection, new, known, tally)
        same = _same_audio(connection, file, same_audio, vacated)
        match file.result:
            case Unopened(vanished=True):
                reason = "was removed while the ingest ran"
                tally.failures.append(Failure(display_text(file.found.path), "missing", reason))
            case Unopened(reason=reason):
                note_unopened(run, connection, file, reason, tally)
            case Unseen(reason=reason):
                tally.failures.append(Failure(display_text(file.found.path), "unseen", reason))
            case Unsettled():
                tally.unsettled.append(file.found)
            case _ if file.sha256 is not None and run.known.is_output(file.sha256):
                displaced = locations.mark_place_missing(connection, file.sighting.stored.place, time.time())
                tally.displaced += [] if displaced is None else [displaced]
                tally.counts["renderings" if file.sha256 in run.known.rendered else "exports"] += 1
            case _ if file.sha256 in known:
                stale += _store_known(run, connection, file, known[file.sha256], vacated, tally)
            case _ if same is not None and file.sha256 is not None:
                known[file.sha256] = same
                stale += _store_known(run, connection, file, same, vacated, tally)
            case None if not run.options.dry_run:
                # not analysed because its content was known: by a twin that was not settled, or by a file whose
                # place in the catalog another file with the same audio has taken
                tally.unsettled.append(file.found)
            case _:
                if file.audio_key is not None and file.sighting.stored.place in same_audio:
                    tally.keys.add(file.audio_key)
                new.append(_new_recording(run, file, tally))
    _add(run, connection, new, known, tally)
    retire(connection, stale)
    follow_recut(connection, tally.recut)


def _same_audio(
    connection: Connection,
    file: ReadFile,
    candidates: Mapping[Place, Sequence[int]],
    vacated: Collection[LocationState],
) -> int | None:
    """Return the recording with the audio of a file whose content is new, if the file belongs to it."""
    place = file.sighting.stored.place
    if file.audio_key is None or place not in candidates:
        return None
    return recording_of_file(connection, place, candidates[place], vacated)


def note_unopened(run: IngestRun, connection: Connection, file: ReadFile, reason: str, tally: Tally) -> None:
    """Store a file that could not be read."""
    warn(file, tally)
    begin = partial(run.batch.begin, connection)
    if locations.note_unopened(connection, file.sighting, reason, new_batch=begin):
        tally.failures.append(Failure(file.sighting.stored.path_text, "unreadable", reason))
    else:
        tally.counts["unchanged"] += 1


def _add(
    run: IngestRun, connection: Connection, new: list[NewRecording], known: dict[str, int], tally: Tally
) -> None:
    """Add the new recordings, and their ids to the known ones."""
    if new:
        added = recordings.add_recordings(connection, run.batch.begin(connection), new, time.time())
        known.update(zip((each.sha256 for each in new), added.ids, strict=True))
        tally.displaced += added.displaced
        new.clear()


def _new_recording(run: IngestRun, file: ReadFile, tally: Tally) -> NewRecording:
    assert file.sha256 is not None
    # a dry run analyses nothing; it counts the file, and its rows are rolled back
    analysis = analysis_of(file.result) or Analysis("ok", audio_key=file.audio_key)
    warn(file, tally)
    _report_status(file, analysis, tally)
    tally.stored.add(file.sighting.stored.place)
    tally.counts["added"] += 1
    if file.audio_key is not None:
        if file.audio_key in tally.new_audio:
            tally.keys.add(file.audio_key)
        tally.new_audio.add(file.audio_key)
    _note_unnamed(file, tally)
    content = content_of(analysis, run.trim, run.split)
    tally.counts["split"] += bool(content.parts)
    tally.counts["parts"] += len(content.parts)
    return NewRecording(file.sha256, content, file.sighting)


def _store_known(
    run: IngestRun,
    connection: Connection,
    file: ReadFile,
    recording_id: int,
    vacated: Collection[LocationState],
    tally: Tally,
) -> list[int]:
    """Store where known content was seen, and its new analysis; return the clips whose scores are stale."""
    stale: list[int] = []
    is_reanalysed = file.needs_analysis and _replaces_analysis(run, connection, file, recording_id, tally)
    if is_reanalysed:
        run.batch.begin(connection)
        tally.counts["reanalysed"] += 1
        stale = _replace_analysis(run, connection, file, recording_id, tally)
    if isinstance(file.result, Keyed) and file.result.audio_key is not None:
        set_audio_key(connection, recording_id, file.result.audio_key)
        tally.keys.add(file.result.audio_key)
    warn(file, tally)
    former = stored_provenance(connection, file) if run.options.reread else None
    tally.stored.add(file.sighting.stored.place)
    arrival, displaced = locations.arrive(
        connection,
        recording_id,
        file.sighting,
        vacated=vacated,
        new_batch=partial(run.batch.begin, connection),
        now=time.time(),
    )
    tally.displaced += [] if displaced is None else [displaced]
    if arrival is not Arrival.UNCHANGED or not is_reanalysed:
        tally.counts[arrival.value] += 1
        tally.counts["rehashed"] += arrival is Arrival.UNCHANGED
    if arrival is Arrival.COPY:
        _note_unnamed(file, tally)
    now = stored_provenance(connection, file) if former is not None else None
    if arrival is Arrival.CORRECTED and former is not None and now is not None:
        note_reread(tally, file.found, former, now)
    return stale


def _replaces_analysis(
    run: IngestRun, connection: Connection, file: ReadFile, recording_id: int, tally: Tally
) -> bool:
    """Return whether the new analysis of known content takes the place of the stored one.

    If it can't because the recording was cut meanwhile, the file is noted to be read again.
    """
    trim = recordings.status_and_trim(connection, recording_id)[1]
    if trim in run.trims:  # another ingest has done it meanwhile
        return False
    # a dry run has not read the cuts, because it analyses nothing
    if run.options.dry_run or has_cuts(connection, recording_id, file.cuts):
        return True
    if file.sha256 is not None:
        # only its audio is known: the cuts of a re-tagged file are found by its new content from now on
        tally.to_read_again.append(ToReadAgain(file.found, file.sha256, trim))
    return False


def _replace_analysis(
    run: IngestRun, connection: Connection, file: ReadFile, recording_id: int, tally: Tally
) -> list[int]:
    """Store the new analysis of known content, if there is one; return the clips whose scores are stale."""
    analysis = analysis_of(file.result)
    if analysis is None:
        return []
    if analysis.status != recordings.status_and_trim(connection, recording_id)[0]:
        _report_status(file, analysis, tally)
    contents = None
    if file.cuts is not None:
        cut = recut_recording(run.catalog, connection, file.cuts, analysis, run.trim)
        tally.warnings += [f"{file.sighting.stored.path_text}: {note}" for note in cut.notes]
        tally.recut.append(cut)
        contents = cut.contents
    return recordings.replace_content(connection, recording_id, content_of(analysis, run.trim), contents)


def _note_unnamed(file: ReadFile, tally: Tally) -> None:
    """Note a new file of which neither an epoch nor a step is known."""
    named = file.sighting.provenance
    if named.epoch is None and named.step is None and file.sighting.role != "reference":
        tally.unnamed.append(file.sighting.stored.path_text)


def warn(file: ReadFile, tally: Tally) -> None:
    """Add the warnings about a file's name and sidecar."""
    tally.warnings += file.warnings


def _report_status(file: ReadFile, analysis: Analysis, tally: Tally) -> None:
    """Count a status other than ok, or warn that only a part of the file was analysed."""
    if analysis.status == "ok" and not analysis.reason:
        return
    path = file.sighting.stored.path_text
    if analysis.status in FAILED_STATUSES:
        tally.failures.append(Failure(path, analysis.status, analysis.reason or ""))
    elif analysis.status != "ok":
        tally.findings[analysis.status] += 1
    else:
        tally.warnings.append(f"{path}: {analysis.reason}")
