-- The schema of the newest revision in an empty database. `make schema` writes this file from the revisions.
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE batch (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	started_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	paths TEXT NOT NULL, 
	options TEXT NOT NULL, 
	files INTEGER DEFAULT '0' NOT NULL, 
	unchanged INTEGER DEFAULT '0' NOT NULL, 
	added INTEGER DEFAULT '0' NOT NULL, 
	copies INTEGER DEFAULT '0' NOT NULL, 
	moved INTEGER DEFAULT '0' NOT NULL, 
	missing INTEGER DEFAULT '0' NOT NULL, 
	reanalysed INTEGER DEFAULT '0' NOT NULL, 
	failed INTEGER DEFAULT '0' NOT NULL
, rehashed INTEGER DEFAULT '0' NOT NULL, retagged INTEGER DEFAULT '0' NOT NULL, overwritten INTEGER DEFAULT '0' NOT NULL, parts INTEGER DEFAULT '0' NOT NULL, digest BLOB);
CREATE TABLE checkpoint (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run TEXT, 
	epoch INTEGER, 
	step INTEGER
, verdict TEXT, note TEXT, digest BLOB);
CREATE TABLE decision (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	made_at FLOAT NOT NULL, 
	verb TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	changes TEXT NOT NULL, 
	undoes_id INTEGER, 
	undone_by_id INTEGER, writer TEXT DEFAULT '' NOT NULL, sequence INTEGER DEFAULT '0' NOT NULL, digest BLOB, 
	CONSTRAINT fk_decision_undoes_id_decision FOREIGN KEY(undoes_id) REFERENCES decision (id), 
	CONSTRAINT fk_decision_undone_by_id_decision FOREIGN KEY(undone_by_id) REFERENCES decision (id)
);
CREATE TABLE metric (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	generation INTEGER DEFAULT '0' NOT NULL, digest BLOB, 
	CONSTRAINT uq_metric_name_version UNIQUE (name, version)
);
CREATE TABLE song (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	ordering TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	length FLOAT, 
	clips INTEGER, 
	sample_rate INTEGER, 
	channels INTEGER, 
	fade FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	deleted BOOLEAN DEFAULT '0' NOT NULL
, crossfade FLOAT DEFAULT '0' NOT NULL, gap FLOAT DEFAULT '0' NOT NULL, lufs FLOAT, subtype TEXT, dither BOOLEAN DEFAULT '0' NOT NULL, edits TEXT DEFAULT '{}' NOT NULL, manual TEXT, former_query TEXT, quality FLOAT, artist TEXT, album TEXT, file_rule INTEGER DEFAULT '1' NOT NULL, cover TEXT, selection_rule INTEGER DEFAULT '1' NOT NULL, no_copies BOOLEAN DEFAULT '0' NOT NULL, per_checkpoint INTEGER, digest BLOB);
CREATE UNIQUE INDEX uq_song_name ON song (name) WHERE NOT deleted;
CREATE TABLE recording (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sha256 TEXT NOT NULL, 
	batch_id INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT, 
	container TEXT, 
	subtype TEXT, 
	sample_rate INTEGER, 
	channels INTEGER, 
	frames INTEGER, 
	mono_channel INTEGER, 
	checkpoint_id INTEGER, 
	checkpoint_pinned BOOLEAN DEFAULT '0' NOT NULL, decoder TEXT, decoder_version TEXT, audio_key TEXT, lost_share FLOAT, split TEXT, digest BLOB, analysis_digest BLOB, 
	CONSTRAINT ck_recording_role CHECK (role IN ('generated', 'reference')), 
	CONSTRAINT ck_recording_status CHECK (status IN ('ok', 'silent', 'too_short', 'unreadable', 'truncated', 'empty', 'non_finite')), 
	CONSTRAINT fk_recording_batch_id_batch FOREIGN KEY(batch_id) REFERENCES batch (id), 
	CONSTRAINT fk_recording_checkpoint_id_checkpoint FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id), 
	CONSTRAINT uq_recording_sha256 UNIQUE (sha256)
);
CREATE INDEX ix_recording_batch_id ON recording (batch_id);
CREATE INDEX ix_recording_checkpoint_id ON recording (checkpoint_id);
CREATE TABLE rendering (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	song_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	plan_sha256 TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	ordering TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	path_text TEXT NOT NULL, 
	container TEXT NOT NULL, 
	subtype TEXT NOT NULL, 
	sample_rate INTEGER NOT NULL, 
	channels INTEGER NOT NULL, 
	frames INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	versions TEXT NOT NULL, settings TEXT DEFAULT '{}' NOT NULL, rewritten TEXT, digest BLOB, root TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT fk_rendering_song_id_song FOREIGN KEY(song_id) REFERENCES song (id), 
	CONSTRAINT uq_rendering_song_id_number UNIQUE (song_id, number), 
	CONSTRAINT uq_rendering_song_id_plan_sha256 UNIQUE (song_id, plan_sha256)
);
CREATE TABLE clip (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	recording_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	ordinal INTEGER NOT NULL, 
	start_frame INTEGER NOT NULL, 
	end_frame INTEGER NOT NULL, 
	trim TEXT NOT NULL, 
	fingerprint BLOB, 
	fingerprint_crc32 INTEGER, 
	fingerprint_backend TEXT, 
	fingerprint_version TEXT, 
	loudness FLOAT, 
	peak FLOAT, 
	rating INTEGER, 
	rejected BOOLEAN DEFAULT '0' NOT NULL, 
	note TEXT, descriptor BLOB, descriptor_crc32 INTEGER, descriptor_version INTEGER, heard_at FLOAT, examined BOOLEAN DEFAULT '0' NOT NULL, trusted BOOLEAN DEFAULT '0' NOT NULL, profile BLOB, profile_crc32 INTEGER, profile_version INTEGER, status TEXT, reason TEXT, name TEXT, removed BOOLEAN DEFAULT '0' NOT NULL, digest BLOB, analysis_digest BLOB, 
	CONSTRAINT ck_clip_kind CHECK (kind IN ('whole', 'part', 'marked')), 
	CONSTRAINT ck_clip_span CHECK (0 <= start_frame AND start_frame <= end_frame), 
	CONSTRAINT ck_clip_rating CHECK (rating BETWEEN 1 AND 5), 
	CONSTRAINT fk_clip_recording_id_recording FOREIGN KEY(recording_id) REFERENCES recording (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clip_recording_id_kind_ordinal UNIQUE (recording_id, kind, ordinal)
);
CREATE TABLE rendering_clip (
	rendering_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	clip_id INTEGER NOT NULL, 
	recording_sha256 TEXT NOT NULL, 
	path_text TEXT NOT NULL, 
	start_frame INTEGER NOT NULL, 
	end_frame INTEGER NOT NULL, 
	sample_rate INTEGER NOT NULL, 
	mono_channel INTEGER, 
	gain FLOAT NOT NULL, 
	fade_frames INTEGER NOT NULL, 
	output_start INTEGER NOT NULL, 
	output_frames INTEGER NOT NULL, 
	transition FLOAT, crossfade_frames INTEGER DEFAULT '0' NOT NULL, decoder TEXT DEFAULT 'libsndfile' NOT NULL, decoder_version TEXT, digest BLOB, root TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_rendering_clip PRIMARY KEY (rendering_id, position), 
	CONSTRAINT fk_rendering_clip_rendering_id_rendering FOREIGN KEY(rendering_id) REFERENCES rendering (id)
);
CREATE TABLE attribute (
	location_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	text TEXT NOT NULL, 
	number FLOAT, 
	pinned BOOLEAN DEFAULT '0' NOT NULL, digest BLOB, 
	CONSTRAINT pk_attribute PRIMARY KEY (location_id, "key"), 
	CONSTRAINT fk_attribute_location_id_location FOREIGN KEY(location_id) REFERENCES location (id) ON DELETE CASCADE
);
CREATE INDEX ix_attribute_key ON attribute ("key");
CREATE TABLE clip_tag (
	clip_id INTEGER NOT NULL, 
	tag TEXT NOT NULL, digest BLOB, 
	CONSTRAINT pk_clip_tag PRIMARY KEY (clip_id, tag), 
	CONSTRAINT fk_clip_tag_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE
);
CREATE INDEX ix_clip_tag_tag ON clip_tag (tag);
CREATE TABLE nearest (
	metric_id INTEGER NOT NULL, 
	clip_id INTEGER NOT NULL, 
	other_id INTEGER NOT NULL, 
	score FLOAT NOT NULL, 
	CONSTRAINT pk_nearest PRIMARY KEY (metric_id, clip_id), 
	CONSTRAINT fk_nearest_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE, 
	CONSTRAINT fk_nearest_metric_id_metric FOREIGN KEY(metric_id) REFERENCES metric (id), 
	CONSTRAINT fk_nearest_other_id_clip FOREIGN KEY(other_id) REFERENCES clip (id) ON DELETE CASCADE
);
CREATE INDEX ix_nearest_other_id ON nearest (other_id);
CREATE INDEX ix_nearest_score ON nearest (metric_id, score);
CREATE TABLE score_row (
	metric_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	clip_id INTEGER, 
	scores BLOB NOT NULL, 
	crc32 INTEGER NOT NULL, 
	retired BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_score_row PRIMARY KEY (metric_id, position), 
	CONSTRAINT ck_score_row_forgotten CHECK (clip_id IS NOT NULL OR retired), 
	CONSTRAINT fk_score_row_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE SET NULL, 
	CONSTRAINT fk_score_row_metric_id_metric FOREIGN KEY(metric_id) REFERENCES metric (id)
);
CREATE INDEX ix_score_row_clip_id ON score_row (clip_id);
CREATE UNIQUE INDEX uq_score_row_live ON score_row (metric_id, clip_id) WHERE NOT retired;
CREATE UNIQUE INDEX uq_checkpoint ON checkpoint (coalesce(run, ''), coalesce(epoch, -1), coalesce(step, -1));
CREATE INDEX ix_clip_unexamined ON clip (id) WHERE NOT examined;
CREATE TABLE suspicion (
	clip_id INTEGER NOT NULL, 
	other_id INTEGER NOT NULL, 
	metric TEXT NOT NULL, 
	score FLOAT NOT NULL, digest BLOB, 
	CONSTRAINT pk_suspicion PRIMARY KEY (clip_id, other_id, metric), 
	CONSTRAINT fk_suspicion_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE, 
	CONSTRAINT fk_suspicion_other_id_clip FOREIGN KEY(other_id) REFERENCES clip (id) ON DELETE CASCADE
);
CREATE INDEX ix_suspicion_other_id ON suspicion (other_id);
CREATE TABLE listening (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	started_at FLOAT NOT NULL, 
	"query" TEXT NOT NULL, 
	minutes FLOAT NOT NULL
, digest BLOB);
CREATE TABLE listening_clip (
	listening_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	clip_id INTEGER NOT NULL, 
	is_done BOOLEAN DEFAULT '0' NOT NULL, digest BLOB, 
	CONSTRAINT pk_listening_clip PRIMARY KEY (listening_id, position), 
	CONSTRAINT fk_listening_clip_listening_id_listening FOREIGN KEY(listening_id) REFERENCES listening (id) ON DELETE CASCADE, 
	CONSTRAINT fk_listening_clip_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE
);
CREATE INDEX ix_listening_clip_clip_id ON listening_clip (clip_id);
CREATE TABLE clustering (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fitted_at FLOAT NOT NULL, 
	"query" TEXT NOT NULL, 
	smallest INTEGER NOT NULL
, digest BLOB);
CREATE TABLE cluster (
	number INTEGER NOT NULL, 
	medoid_id INTEGER, digest BLOB, 
	CONSTRAINT pk_cluster PRIMARY KEY (number), 
	CONSTRAINT fk_cluster_medoid_id_clip FOREIGN KEY(medoid_id) REFERENCES clip (id) ON DELETE SET NULL
);
CREATE INDEX ix_cluster_medoid_id ON cluster (medoid_id);
CREATE TABLE cluster_clip (
	clip_id INTEGER NOT NULL, 
	number INTEGER, 
	probability FLOAT NOT NULL, digest BLOB, 
	CONSTRAINT pk_cluster_clip PRIMARY KEY (clip_id), 
	CONSTRAINT fk_cluster_clip_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE, 
	CONSTRAINT fk_cluster_clip_number_cluster FOREIGN KEY(number) REFERENCES cluster (number) ON DELETE CASCADE
);
CREATE INDEX ix_cluster_clip_number ON cluster_clip (number);
CREATE TABLE measure (
	clip_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	value FLOAT, crc32 INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_measure PRIMARY KEY (clip_id, name), 
	CONSTRAINT fk_measure_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE output (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sha256 TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	song_id INTEGER, digest BLOB, 
	CONSTRAINT ck_output_kind CHECK (kind IN ('rendering', 'stem', 'clip')), 
	CONSTRAINT fk_output_song_id_song FOREIGN KEY(song_id) REFERENCES song (id)
);
CREATE INDEX ix_output_sha256 ON output (sha256);
CREATE TABLE saved_query (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	deleted BOOLEAN DEFAULT '0' NOT NULL
, digest BLOB);
CREATE UNIQUE INDEX uq_saved_query_name ON saved_query (name) WHERE NOT deleted;
CREATE TABLE "location" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	recording_id INTEGER, 
	batch_id INTEGER NOT NULL, 
	checkpoint_id INTEGER, 
	path BLOB NOT NULL, 
	path_text TEXT NOT NULL, 
	sha256 TEXT, 
	size INTEGER NOT NULL, 
	mtime_ns TEXT NOT NULL, 
	ctime_ns TEXT, 
	inode TEXT, 
	looked_at FLOAT, 
	reason TEXT, 
	missing_since FLOAT, digest BLOB, root TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT ck_location_recording_or_reason CHECK (recording_id IS NOT NULL OR reason IS NOT NULL), 
	CONSTRAINT fk_location_batch_id_batch FOREIGN KEY(batch_id) REFERENCES batch (id), 
	CONSTRAINT fk_location_checkpoint_id_checkpoint FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id), 
	CONSTRAINT fk_location_recording_id_recording FOREIGN KEY(recording_id) REFERENCES recording (id) ON DELETE CASCADE
);
CREATE INDEX ix_location_batch_id ON location (batch_id);
CREATE INDEX ix_location_checkpoint_id ON location (checkpoint_id);
CREATE INDEX ix_location_path_text ON location (path_text);
CREATE INDEX ix_location_recording_id ON location (recording_id);
CREATE INDEX ix_location_sha256 ON location (sha256);
CREATE INDEX ix_recording_audio_key ON recording (audio_key);
CREATE TABLE cover (
	sha256 TEXT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_cover PRIMARY KEY (sha256)
);
CREATE INDEX ix_clip_cut ON clip (id) WHERE kind <> 'whole';
CREATE TABLE writer (
	name TEXT NOT NULL, 
	decisions INTEGER NOT NULL, 
	digest BLOB, label TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_writer PRIMARY KEY (name)
);
CREATE TABLE safeguard (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	digest BLOB, 
	CONSTRAINT pk_safeguard PRIMARY KEY (name)
);
CREATE UNIQUE INDEX uq_decision_sequence ON decision (writer, sequence);
CREATE INDEX ix_batch_without_digest ON batch (id) WHERE digest IS NULL;
CREATE INDEX ix_checkpoint_without_digest ON checkpoint (id) WHERE digest IS NULL;
CREATE INDEX ix_recording_without_digest ON recording (id) WHERE digest IS NULL;
CREATE INDEX ix_recording_without_analysis_digest ON recording (id) WHERE analysis_digest IS NULL;
CREATE INDEX ix_location_without_digest ON location (id) WHERE digest IS NULL;
CREATE INDEX ix_attribute_without_digest ON attribute (location_id, "key") WHERE digest IS NULL;
CREATE INDEX ix_clip_without_digest ON clip (id) WHERE digest IS NULL;
CREATE INDEX ix_clip_without_analysis_digest ON clip (id) WHERE analysis_digest IS NULL;
CREATE INDEX ix_clip_tag_without_digest ON clip_tag (clip_id, tag) WHERE digest IS NULL;
CREATE INDEX ix_suspicion_without_digest ON suspicion (clip_id, other_id, metric) WHERE digest IS NULL;
CREATE INDEX ix_listening_without_digest ON listening (id) WHERE digest IS NULL;
CREATE INDEX ix_listening_clip_without_digest ON listening_clip (listening_id, position) WHERE digest IS NULL;
CREATE INDEX ix_clustering_without_digest ON clustering (id) WHERE digest IS NULL;
CREATE INDEX ix_cluster_without_digest ON cluster (number) WHERE digest IS NULL;
CREATE INDEX ix_cluster_clip_without_digest ON cluster_clip (clip_id) WHERE digest IS NULL;
CREATE INDEX ix_metric_without_digest ON metric (id) WHERE digest IS NULL;
CREATE INDEX ix_song_without_digest ON song (id) WHERE digest IS NULL;
CREATE INDEX ix_saved_query_without_digest ON saved_query (id) WHERE digest IS NULL;
CREATE INDEX ix_rendering_without_digest ON rendering (id) WHERE digest IS NULL;
CREATE INDEX ix_rendering_clip_without_digest ON rendering_clip (rendering_id, position) WHERE digest IS NULL;
CREATE INDEX ix_output_without_digest ON output (id) WHERE digest IS NULL;
CREATE INDEX ix_decision_without_digest ON decision (id) WHERE digest IS NULL;
CREATE INDEX ix_writer_without_digest ON writer (name) WHERE digest IS NULL;
CREATE INDEX ix_safeguard_without_digest ON safeguard (name) WHERE digest IS NULL;
CREATE UNIQUE INDEX uq_location_present ON location (root, path) WHERE missing_since IS NULL;
CREATE TABLE ingested_folder (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	root TEXT DEFAULT '' NOT NULL, 
	path BLOB NOT NULL, 
	ctime_changes INTEGER NOT NULL, 
	inode_changes INTEGER NOT NULL, 
	digest BLOB, 
	CONSTRAINT uq_ingested_folder_root_path UNIQUE (root, path)
);
CREATE INDEX ix_ingested_folder_without_digest ON ingested_folder (id) WHERE digest IS NULL;
CREATE TABLE claim (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	metric_id INTEGER NOT NULL, 
	first_position INTEGER NOT NULL, 
	clips TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	CONSTRAINT fk_claim_metric_id_metric FOREIGN KEY(metric_id) REFERENCES metric (id), 
	CONSTRAINT uq_claim_metric_id_first_position UNIQUE (metric_id, first_position)
);
CREATE INDEX ix_nearest_clip_id ON nearest (clip_id);
INSERT INTO alembic_version VALUES ('0017');
INSERT INTO sqlite_sequence VALUES ('location', 0);
INSERT INTO safeguard VALUES ('last id of location', '0', X'BA0010C06E541761A321919D434F6C41');
INSERT INTO safeguard VALUES ('schema', 'e8fe7a009b09d225adc99352fd840561', X'377A54FE13857625C87F237E43407B26');
