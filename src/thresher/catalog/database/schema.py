"""The tables of the catalog.

Times are seconds since 1970 (UTC, float). Positions in audio are frames (int) at the recording's own sample
rate. Blobs are little-endian arrays (fingerprints `<u4`, scores `<f4`), each with its CRC-32, because no check of
the database detects a flipped byte inside a blob. An id is never used twice, so that decisions and renderings keep
naming the same clip.

Rows have digests of their values (see catalog/database/digests.py), which writers need not care for.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    text,
)

HEAD = "0017"
"""The revision of the schema that this program reads and writes: the newest one in migrations/."""

STATUSES = ("ok", "silent", "too_short", "unreadable", "truncated", "empty", "non_finite")
USABLE_STATUSES = ("ok", "too_short", "truncated")
FAILED_STATUSES = ("unreadable", "truncated", "empty", "non_finite")
ROLES = ("generated", "reference")
CLIP_KINDS = ("whole", "part", "marked")
VERDICTS = ("keep", "drop", "gone")
OUTPUT_KINDS = ("rendering", "stem", "clip")


class ExactInteger(TypeDecorator[int]):
    """An integer of any size, stored as decimal text: database columns end at 64 bits with a sign."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: object) -> str | None:
        """Return the text to store."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, _dialect: object) -> int | None:
        """Return the stored number."""
        return None if value is None else int(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _digest(name: str = "digest") -> Column[bytes]:
    return Column(name, LargeBinary)


batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),  # NULL: interrupted, or still running
    Column("paths", Text, nullable=False),  # JSON list of path_text
    Column("options", Text, nullable=False),  # JSON object: what the command set
    # The result of the scan. These are log entries: a later batch never updates them.
    Column("files", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("added", Integer, nullable=False, server_default="0"),
    Column("copies", Integer, nullable=False, server_default="0"),
    Column("moved", Integer, nullable=False, server_default="0"),
    Column("missing", Integer, nullable=False, server_default="0"),
    Column("reanalysed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("rehashed", Integer, nullable=False, server_default="0"),
    Column("retagged", Integer, nullable=False, server_default="0"),
    Column("overwritten", Integer, nullable=False, server_default="0"),
    Column("parts", Integer, nullable=False, server_default="0"),  # clips that new recordings were split into
    _digest(),
    sqlite_autoincrement=True,
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Text),
    Column("epoch", Integer),
    Column("step", Integer),
    Column("verdict", Text),  # one of VERDICTS; NULL: none yet
    Column("note", Text),
    _digest(),
    sqlite_autoincrement=True,
)
Index(
    "uq_checkpoint",
    func.coalesce(checkpoint.c.run, ""),
    func.coalesce(checkpoint.c.epoch, -1),
    func.coalesce(checkpoint.c.step, -1),
    unique=True,
)

recording = Table(
    "recording",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("container", Text),
    Column("subtype", Text),
    Column("sample_rate", Integer),
    Column("channels", Integer),
    Column("frames", Integer),
    Column("mono_channel", Integer),  # NULL: mono is the mean of the channels
    # Set by `modify`, else that of the earliest location that names one, see catalog/recordings/attribution.py.
    Column("checkpoint_id", ForeignKey("checkpoint.id"), index=True),
    Column("checkpoint_pinned", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("decoder", Text),  # what decoded the frames; NULL: nothing could
    Column("decoder_version", Text),  # NULL: not known
    Column(
        "audio_key", Text, index=True
    ),  # equal for equal audio, see catalog/audio/audio_key.py; NULL: unknown
    # Share of the declared length that a truncated recording lacks, 0 to 1; NULL: complete, or not known.
    Column("lost_share", Float),
    # How the recording was split, as the canonical JSON of signal/features/split.py; NULL: it was not split.
    Column("split", Text),
    _digest(),
    _digest("analysis_digest"),
    _one_of("role", ROLES),
    _one_of("status", STATUSES),
    sqlite_autoincrement=True,
)

location = Table(
    "location",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recording_id", ForeignKey("recording.id", ondelete="CASCADE"), index=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("checkpoint_id", ForeignKey("checkpoint.id"), index=True),
    Column("path", LargeBinary, nullable=False),
    Column("path_text", Text, nullable=False),
    Column("sha256", Text, index=True),  # of the file's bytes; another than its recording's after re-tagging
    # The stamp of the file when it was last read, see catalog/files/stamps.py. NULL: not known.
    Column("size", Integer, nullable=False),
    Column("mtime_ns", ExactInteger, nullable=False),
    Column("ctime_ns", ExactInteger),
    Column("inode", ExactInteger),
    Column("looked_at", Float),
    Column("reason", Text),  # why the file has no recording
    Column("missing_since", Float),
    _digest(),
    Column(
        "root", Text, nullable=False, server_default=""
    ),  # what `path` starts at, see catalog/files/paths.py
    CheckConstraint("recording_id IS NOT NULL OR reason IS NOT NULL", name="recording_or_reason"),
    sqlite_autoincrement=True,
)
Index(
    "uq_location_present",
    location.c.root,
    location.c.path,
    unique=True,
    sqlite_where=location.c.missing_since.is_(None),
)
Index("ix_location_path_text", location.c.path_text)

ingested_folder = Table(  # what the file system of an ingested folder changes by itself
    "ingested_folder",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root", Text, nullable=False, server_default=""),  # as in `location`, and so is the path
    Column("path", LargeBinary, nullable=False),
    # How many ingests in a row found most of its files with equal content but another ctime, or inode.
    Column("ctime_changes", Integer, nullable=False),
    Column("inode_changes", Integer, nullable=False),
    _digest(),
    UniqueConstraint("root", "path"),
    sqlite_autoincrement=True,
)

attribute = Table(
    "attribute",
    metadata,
    Column("location_id", ForeignKey("location.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("number", Float),
    Column("pinned", Boolean(create_constraint=False), nullable=False, server_default="0"),
    _digest(),
)
Index("ix_attribute_key", attribute.c.key)

clip = Table(
    "clip",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recording_id", ForeignKey("recording.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start_frame", Integer, nullable=False),
    Column("end_frame", Integer, nullable=False),
    Column("trim", Text, nullable=False),  # the trim settings of the span, as canonical JSON
    Column("fingerprint", LargeBinary),
    Column("fingerprint_crc32", Integer),
    Column("fingerprint_backend", Text),
    Column("fingerprint_version", Text),
    Column("loudness", Float),  # integrated, LUFS
    Column("peak", Float),  # largest |sample| of any channel
    Column("rating", Integer),
    Column("rejected", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("note", Text),
    Column(
        "descriptor", LargeBinary
    ),  # <f4, computed by `descriptor_version` of signal/features/descriptors.py
    Column("descriptor_crc32", Integer),
    Column("descriptor_version", Integer),
    Column("heard_at", Float),  # when it was last played; NULL: never
    # Whether the clip was compared with the clips rejected before it was added, and whether `trust` cleared it.
    Column("examined", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("trusted", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("profile", LargeBinary),  # u1, computed by `profile_version` of signal/features/profile.py
    Column("profile_crc32", Integer),
    Column("profile_version", Integer),
    # The result of analysis of a part or a mark; NULL for a whole, which has that of its recording.
    Column("status", Text),
    Column("reason", Text),
    Column("name", Text),  # the name of a mark
    # Taken away by a later split, by a join or by `unmark`. The row stays, so that an undo brings the clip back.
    Column("removed", Boolean(create_constraint=False), nullable=False, server_default="0"),
    _digest(),
    _digest("analysis_digest"),
    UniqueConstraint("recording_id", "kind", "ordinal"),
    _one_of("kind", CLIP_KINDS),
    CheckConstraint("0 <= start_frame AND start_frame <= end_frame", name="span"),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    sqlite_autoincrement=True,
)

IS_CUT = text("clip.kind <> 'whole'")
"""Whether a clip is a part or a mark, in the words of an index; the first such clip is found at once."""
Index("ix_clip_cut", clip.c.id, sqlite_where=text("kind <> 'whole'"))
Index("ix_clip_unexamined", clip.c.id, sqlite_where=text("NOT examined"))

clip_tag = Table(
    "clip_tag",
    metadata,
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
    _digest(),
)
Index("ix_clip_tag_tag", clip_tag.c.tag)

measure = Table(  # numbers that describe a clip; signal/features/measure_registry.py lists them
    "measure",
    metadata,
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("value", Float),  # NULL: undefined for this clip
    Column(
        "crc32", Integer, nullable=False, server_default="0"
    ),  # of the other values, see catalog/recordings/measures.py
    sqlite_with_rowid=False,
)

suspicion = Table(  # a rejected clip (other_id) that a new clip was similar to when it was added
    "suspicion",
    metadata,
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True),
    Column("other_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("metric", Text, primary_key=True),
    Column("score", Float, nullable=False),
    _digest(),
)

listening = Table(  # a queue of clips to listen to
    "listening",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started_at", Float, nullable=False),
    Column("query", Text, nullable=False),
    Column("minutes", Float, nullable=False),
    _digest(),
    sqlite_autoincrement=True,
)

listening_clip = Table(
    "listening_clip",
    metadata,
    Column("listening_id", ForeignKey("listening.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("is_done", Boolean(create_constraint=False), nullable=False, server_default="0"),
    _digest(),
)

clustering = Table(  # the latest fit of clusters; there is at most one row
    "clustering",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fitted_at", Float, nullable=False),
    Column("query", Text, nullable=False),
    Column("smallest", Integer, nullable=False),  # the fewest clips of a cluster
    _digest(),
    sqlite_autoincrement=True,
)

cluster = Table(
    "cluster",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("medoid_id", ForeignKey("clip.id", ondelete="SET NULL"), index=True),
    _digest(),
)

cluster_clip = Table(  # every clip that the fit of clusters covered
    "cluster_clip",
    metadata,
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True),
    Column("number", ForeignKey("cluster.number", ondelete="CASCADE"), index=True),  # NULL: in no cluster
    Column("probability", Float, nullable=False),  # probability of the assignment, 0 to 1
    _digest(),
)

metric = Table(
    "metric",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("generation", Integer, nullable=False, server_default="0"),  # counts compactions
    _digest(),
    UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)

score_row = Table(
    "score_row",
    metadata,
    Column("metric_id", ForeignKey("metric.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    # NULL after the clip was forgotten; the row is then retired.
    Column("clip_id", ForeignKey("clip.id", ondelete="SET NULL")),
    Column("scores", LargeBinary, nullable=False),
    Column("crc32", Integer, nullable=False),
    Column("retired", Boolean(create_constraint=False), nullable=False, server_default="0"),
    CheckConstraint("clip_id IS NOT NULL OR retired", name="forgotten"),
)
Index(
    "uq_score_row_live",
    score_row.c.metric_id,
    score_row.c.clip_id,
    unique=True,
    sqlite_where=text("NOT retired"),
)
Index("ix_score_row_clip_id", score_row.c.clip_id)

nearest = Table(
    "nearest",
    metadata,
    Column("metric_id", ForeignKey("metric.id"), primary_key=True),
    Column("clip_id", ForeignKey("clip.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("other_id", ForeignKey("clip.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("score", Float, nullable=False),
)
Index("ix_nearest_score", nearest.c.metric_id, nearest.c.score)

claim = Table(  # score rows that a scorer computes at the moment, see catalog/scores/claims.py
    "claim",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("metric_id", ForeignKey("metric.id"), nullable=False),
    Column("first_position", Integer, nullable=False),
    Column("clips", Text, nullable=False),  # JSON list of [clip id, checksum of its feature]
    Column("holder", Text, nullable=False),  # the process that computes them
    Column("expires_at", Float, nullable=False),  # any scorer may take the claim over then
    UniqueConstraint("metric_id", "first_position"),
    sqlite_autoincrement=True,
)

song = Table(
    "song",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("ordering", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("length", Float),  # seconds; NULL: no limit
    Column("clips", Integer),  # NULL: no limit
    Column("sample_rate", Integer),  # NULL: the highest among the clips
    Column("channels", Integer),  # NULL: stereo if any clip is
    Column("fade", Float, nullable=False),  # seconds
    Column("created_at", Float, nullable=False),
    Column("deleted", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("crossfade", Float, nullable=False, server_default="0"),  # seconds
    Column("gap", Float, nullable=False, server_default="0"),  # seconds
    Column("lufs", Float),  # target loudness of each clip; NULL: unchanged
    Column("subtype", Text),  # NULL: derived from the clips
    Column("dither", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("edits", Text, nullable=False, server_default="{}"),  # JSON object, see catalog/edits.py
    Column("manual", Text),  # JSON list of clip ids, for the ordering "manual"
    # The query as it was before an upgrade rewrote it, which tags of files hold; NULL if it was not rewritten.
    Column("former_query", Text),
    Column("quality", Float),  # of lossy formats, 0 to 10; NULL: the default
    Column("artist", Text),
    Column("album", Text),
    Column("file_rule", Integer, nullable=False, server_default="1"),  # see curation/songs/settings.py
    Column("cover", Text),  # SHA-256 of an image in the table `cover`
    Column(
        "selection_rule", Integer, nullable=False, server_default="1"
    ),  # see catalog/queries/selection_rules.py
    Column("no_copies", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("per_checkpoint", Integer),  # NULL: no limit
    _digest(),
    sqlite_autoincrement=True,
)
Index("uq_song_name", song.c.name, unique=True, sqlite_where=text("NOT deleted"))

saved_query = Table(
    "saved_query",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("deleted", Boolean(create_constraint=False), nullable=False, server_default="0"),
    _digest(),
    sqlite_autoincrement=True,
)
Index("uq_saved_query_name", saved_query.c.name, unique=True, sqlite_where=text("NOT deleted"))

rendering = Table(
    "rendering",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("song_id", ForeignKey("song.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("plan_sha256", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("ordering", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("path_text", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("subtype", Text, nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("versions", Text, nullable=False),  # JSON object: versions of thresher and libraries
    Column(
        "settings", Text, nullable=False, server_default="{}"
    ),  # JSON object: all settings of the song at the time
    # JSON object: the query and the ordering as an upgrade rewrote them for today's language; NULL if it did not.
    Column("rewritten", Text),
    _digest(),
    Column("root", Text, nullable=False, server_default=""),  # what `path_text` starts at
    UniqueConstraint("song_id", "number"),
    UniqueConstraint("song_id", "plan_sha256"),
    sqlite_autoincrement=True,
)

rendering_clip = Table(
    "rendering_clip",
    metadata,
    Column("rendering_id", ForeignKey("rendering.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("clip_id", Integer, nullable=False),  # no foreign key, because renderings outlive forgotten clips
    Column("recording_sha256", Text, nullable=False),
    Column("path_text", Text, nullable=False),
    Column("start_frame", Integer, nullable=False),
    Column("end_frame", Integer, nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("mono_channel", Integer),
    Column("gain", Float, nullable=False),
    Column("fade_frames", Integer, nullable=False),
    Column("output_start", Integer, nullable=False),
    Column("output_frames", Integer, nullable=False),
    Column("transition", Float),  # score with the previous clip; NULL without one
    Column("crossfade_frames", Integer, nullable=False, server_default="0"),  # overlap with the previous clip
    Column("decoder", Text, nullable=False, server_default="libsndfile"),
    Column("decoder_version", Text),  # NULL: not known
    _digest(),
    Column("root", Text, nullable=False, server_default=""),  # what `path_text` starts at
)

output = Table(  # an audio file that thresher wrote, so that no ingest takes it for a clip
    "output",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("song_id", ForeignKey("song.id")),  # NULL: an exported clip
    _digest(),
    _one_of("kind", OUTPUT_KINDS),
    sqlite_autoincrement=True,
)

cover = Table(  # an image for the tags of songs; renderings need it, so it is never deleted
    "cover",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made_at", Float, nullable=False),
    Column("verb", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("changes", Text, nullable=False),  # JSON list of [entity, id, field, before, after]
    Column("undoes_id", ForeignKey("decision.id")),  # set if this decision is an undo
    Column("undone_by_id", ForeignKey("decision.id")),
    Column("writer", Text, nullable=False, server_default=""),  # who made it, see the table `writer`
    Column("sequence", Integer, nullable=False, server_default="0"),  # counts the decisions of the writer
    _digest(),
    sqlite_autoincrement=True,
)
Index("uq_decision_sequence", decision.c.writer, decision.c.sequence, unique=True)

writer = Table(  # a user on a machine who made decisions; each has a sequence of its own
    "writer",
    metadata,
    Column("name", Text, primary_key=True),  # 16 hexadecimal digits, see catalog/database/writers.py
    Column("decisions", Integer, nullable=False),  # the sequence of the last one
    _digest(),
    Column("label", Text, nullable=False, server_default=""),  # user@machine; "": not known
)

safeguard = (
    Table(  # copies of what SQLite keeps outside of tables, for `verify`; see catalog/database/safeguards.py
        "safeguard",
        metadata,
        Column("name", Text, primary_key=True),
        Column("value", Text, nullable=False),
        _digest(),
    )
)

DIGESTS = tuple(
    (table, column.name)
    for table in metadata.sorted_tables
    for column in table.c
    if column.name in ("digest", "analysis_digest")
)
"""Every table with a digest, and the digest's column. Their indexes find the rows that have none yet."""
for _table, _name in DIGESTS:
    Index(
        f"ix_{_table.name}_without_{_name}",
        *_table.primary_key.columns,
        sqlite_where=text(f"{_name} IS NULL"),
    )
