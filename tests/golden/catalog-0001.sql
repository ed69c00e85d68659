BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attribute (
	location_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	text TEXT NOT NULL, 
	number FLOAT, 
	pinned BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_attribute PRIMARY KEY (location_id, "key"), 
	CONSTRAINT fk_attribute_location_id_location FOREIGN KEY(location_id) REFERENCES location (id) ON DELETE CASCADE
);
INSERT INTO "attribute" VALUES(1,'index','0',0.0,0);
INSERT INTO "attribute" VALUES(1,'temperature','0.95',0.95,0);
INSERT INTO "attribute" VALUES(2,'index','1',1.0,0);
INSERT INTO "attribute" VALUES(2,'temperature','0.95',0.95,0);
INSERT INTO "attribute" VALUES(3,'index','2',2.0,0);
INSERT INTO "attribute" VALUES(3,'temperature','0.95',0.95,0);
INSERT INTO "attribute" VALUES(4,'index','3',3.0,0);
INSERT INTO "attribute" VALUES(4,'temperature','0.95',0.95,0);
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
);
INSERT INTO "batch" VALUES(1,1.79539984587263512613e+09,1.79539984589793181419e+09,'["."]','{"set": {"temperature": "0.95"}, "role": "generated"}',4,0,4,0,0,0,0,0);
CREATE TABLE checkpoint (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run TEXT, 
	epoch INTEGER, 
	step INTEGER
);
INSERT INTO "checkpoint" VALUES(1,'night',10,NULL);
INSERT INTO "checkpoint" VALUES(2,'night',20,NULL);
INSERT INTO "checkpoint" VALUES(3,'night',11,NULL);
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
	note TEXT, 
	CONSTRAINT ck_clip_kind CHECK (kind IN ('whole', 'part', 'marked')), 
	CONSTRAINT ck_clip_span CHECK (0 <= start_frame AND start_frame <= end_frame), 
	CONSTRAINT ck_clip_rating CHECK (rating BETWEEN 1 AND 5), 
	CONSTRAINT fk_clip_recording_id_recording FOREIGN KEY(recording_id) REFERENCES recording (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clip_recording_id_kind_ordinal UNIQUE (recording_id, kind, ordinal)
);
INSERT INTO "clip" VALUES(1,1,'whole',0,0,32000,'{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}',X'77F57FFF77F57FFF77F57FFF5F757BFF5F7779FF7F7779FF7F7779FFFF7779FDDF7779FDDFF77BFDDFD7FFFD',938790893,'libchromaprint','1.5.1',-1.80111439904157819569e+01,0.449432373046875,5,0,NULL);
INSERT INTO "clip" VALUES(2,2,'whole',0,0,32000,'{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}',X'FFF57DDFFFF57DD7FFF57DD5FFF77DF5DFF57DF5DFF57FF5FFF17FF5FDD17FF5FDD17FF5FD517DF55F717FF5',1836614287,'libchromaprint','1.5.1',-1.80479571647809571288e+01,0.44061279296875,NULL,0,'good bridge');
INSERT INTO "clip" VALUES(3,3,'whole',0,0,32000,'{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}',X'7FD77DD77FD57DD77FD57DD57FF57FD57FF57FD5FFF57BD5FFF57BD5FFF57BD5FFF57BD5DFD57BF7DFD77FF5',380837900,'libchromaprint','1.5.1',-1.79985214257304022562e+01,0.425323486328125,NULL,0,NULL);
INSERT INTO "clip" VALUES(4,4,'whole',0,0,0,'{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL);
CREATE TABLE clip_tag (
	clip_id INTEGER NOT NULL, 
	tag TEXT NOT NULL, 
	CONSTRAINT pk_clip_tag PRIMARY KEY (clip_id, tag), 
	CONSTRAINT fk_clip_tag_clip_id_clip FOREIGN KEY(clip_id) REFERENCES clip (id) ON DELETE CASCADE
);
INSERT INTO "clip_tag" VALUES(1,'riff');
INSERT INTO "clip_tag" VALUES(2,'riff');
CREATE TABLE decision (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	made_at FLOAT NOT NULL, 
	verb TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	changes TEXT NOT NULL, 
	undoes_id INTEGER, 
	undone_by_id INTEGER, 
	CONSTRAINT fk_decision_undoes_id_decision FOREIGN KEY(undoes_id) REFERENCES decision (id), 
	CONSTRAINT fk_decision_undone_by_id_decision FOREIGN KEY(undone_by_id) REFERENCES decision (id)
);
INSERT INTO "decision" VALUES(1,1.79539984591748142239e+09,'rate','rate 5: 1','[["clip",1,"rating",null,5]]',NULL,NULL);
INSERT INTO "decision" VALUES(2,1.79539984592310237878e+09,'tag','tag +riff: 1 , 2','[["clip",1,"tags",[],["riff"]],["clip",2,"tags",[],["riff"]]]',NULL,NULL);
INSERT INTO "decision" VALUES(3,1.79539984592655396458e+09,'note','note: 2','[["clip",2,"note",null,"good bridge"]]',NULL,NULL);
INSERT INTO "decision" VALUES(4,1.79539984593188190462e+09,'modify','modify epoch=11: 2','[["recording",2,"checkpoint",null,{"run":"night","epoch":11,"step":null}]]',NULL,NULL);
INSERT INTO "decision" VALUES(5,1.79539984593524336821e+09,'reject','reject: 3','[["clip",3,"rejected",false,true]]',NULL,6);
INSERT INTO "decision" VALUES(6,1.79539984594036865239e+09,'undo','undo 5: reject: 3','[["clip",3,"rejected",true,false]]',5,NULL);
INSERT INTO "decision" VALUES(7,1.79539984594665265088e+09,'song save','make song "DOMAINAL SKELETON"','[["song",1,"deleted",true,false]]',NULL,NULL);
CREATE TABLE location (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	recording_id INTEGER, 
	batch_id INTEGER NOT NULL, 
	checkpoint_id INTEGER, 
	path BLOB NOT NULL, 
	path_text TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	mtime_ns INTEGER NOT NULL, 
	reason TEXT, 
	missing_since FLOAT, 
	CONSTRAINT ck_location_recording_or_reason CHECK (recording_id IS NOT NULL OR reason IS NOT NULL), 
	CONSTRAINT fk_location_batch_id_batch FOREIGN KEY(batch_id) REFERENCES batch (id), 
	CONSTRAINT fk_location_checkpoint_id_checkpoint FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id), 
	CONSTRAINT fk_location_recording_id_recording FOREIGN KEY(recording_id) REFERENCES recording (id) ON DELETE CASCADE
);
INSERT INTO "location" VALUES(1,1,1,1,X'6E696768745F65706F63685F31305F302E776176','night_epoch_10_0.wav',64044,1795399844844346641,NULL,NULL);
INSERT INTO "location" VALUES(2,2,1,1,X'6E696768745F65706F63685F31305F312E776176','night_epoch_10_1.wav',64044,1795399844845987674,NULL,NULL);
INSERT INTO "location" VALUES(3,3,1,2,X'6E696768745F65706F63685F32305F322E776176','night_epoch_20_2.wav',64044,1795399844847590957,NULL,NULL);
INSERT INTO "location" VALUES(4,4,1,2,X'6E696768745F65706F63685F32305F332E776176','night_epoch_20_3.wav',64044,1795399844849222202,NULL,NULL);
CREATE TABLE metric (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	generation INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT uq_metric_name_version UNIQUE (name, version)
);
INSERT INTO "metric" VALUES(1,'prefix',1,0);
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
INSERT INTO "nearest" VALUES(1,1,3,8.23863625526428222656e-01);
INSERT INTO "nearest" VALUES(1,2,3,0.875);
INSERT INTO "nearest" VALUES(1,3,2,0.875);
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
	checkpoint_pinned BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT ck_recording_role CHECK (role IN ('generated', 'reference')), 
	CONSTRAINT ck_recording_status CHECK (status IN ('ok', 'silent', 'too_short', 'unreadable', 'truncated', 'empty', 'non_finite')), 
	CONSTRAINT fk_recording_batch_id_batch FOREIGN KEY(batch_id) REFERENCES batch (id), 
	CONSTRAINT fk_recording_checkpoint_id_checkpoint FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id), 
	CONSTRAINT uq_recording_sha256 UNIQUE (sha256)
);
INSERT INTO "recording" VALUES(1,'37e1ecfd47ef7e268806e34cc04a1ad2e14b614b06357313e213d3a84f961111',1,'generated','ok',NULL,'WAV','PCM_16',8000,1,32000,NULL,1,0);
INSERT INTO "recording" VALUES(2,'fcbdf27ab97aed3a48357d6c08444252b72d336e11aa2d553cb24974470f083f',1,'generated','ok',NULL,'WAV','PCM_16',8000,1,32000,NULL,3,1);
INSERT INTO "recording" VALUES(3,'20ca1ec639a14add6666affcbb3ca640291095ffa41b7d742b15e12c5b06c2cd',1,'generated','ok',NULL,'WAV','PCM_16',8000,1,32000,NULL,2,0);
INSERT INTO "recording" VALUES(4,'bff9ae2d1c0defb0f2b9070f43439fcb723621dbeb1cca5e2dbadcd9bfb13c68',1,'generated','silent','no frame exceeds -72 dBFS','WAV','PCM_16',8000,1,32000,NULL,2,0);
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
	versions TEXT NOT NULL, 
	CONSTRAINT fk_rendering_song_id_song FOREIGN KEY(song_id) REFERENCES song (id), 
	CONSTRAINT uq_rendering_song_id_number UNIQUE (song_id, number), 
	CONSTRAINT uq_rendering_song_id_plan_sha256 UNIQUE (song_id, plan_sha256)
);
INSERT INTO "rendering" VALUES(1,1,1,1.79539984596419572833e+09,'b3f80c7e2cde4a12628c3fd2106811ea42c0080a141c80ca1e2b61e2df49789e','epoch:10..','pairs','prefix','song.wav','WAV','PCM_16',8000,1,96000,'89ed6da907da1991eec13d7df53a51a65c42f9d272274a7f450bd037b7ad34bd','{"libsndfile": "1.2.2", "numpy": "2.4.6", "soxr": "0.1.3-14-ga66f3ee", "thresher": "0.1.0"}');
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
	seam FLOAT, 
	CONSTRAINT pk_rendering_clip PRIMARY KEY (rendering_id, position), 
	CONSTRAINT fk_rendering_clip_rendering_id_rendering FOREIGN KEY(rendering_id) REFERENCES rendering (id)
);
INSERT INTO "rendering_clip" VALUES(1,0,2,'fcbdf27ab97aed3a48357d6c08444252b72d336e11aa2d553cb24974470f083f','night_epoch_10_1.wav',0,32000,8000,NULL,1.0,40,0,32000,NULL);
INSERT INTO "rendering_clip" VALUES(1,1,3,'20ca1ec639a14add6666affcbb3ca640291095ffa41b7d742b15e12c5b06c2cd','night_epoch_20_2.wav',0,32000,8000,NULL,1.0,40,32000,32000,0.875);
INSERT INTO "rendering_clip" VALUES(1,2,1,'37e1ecfd47ef7e268806e34cc04a1ad2e14b614b06357313e213d3a84f961111','night_epoch_10_0.wav',0,32000,8000,NULL,1.0,40,64000,32000,8.23863625526428222656e-01);
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
INSERT INTO "score_row" VALUES(1,0,1,X'',0,0);
INSERT INTO "score_row" VALUES(1,1,2,X'D145473F',3231955508,0);
INSERT INTO "score_row" VALUES(1,2,3,X'BAE8523F0000603F',2750889287,0);
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
);
INSERT INTO "song" VALUES(1,'DOMAINAL SKELETON','epoch:10..','pairs','prefix',NULL,NULL,NULL,NULL,0.005,1.79539984594503521922e+09,0);
CREATE UNIQUE INDEX uq_song_name ON song (name) WHERE NOT deleted;
CREATE INDEX ix_recording_batch_id ON recording (batch_id);
CREATE INDEX ix_recording_checkpoint_id ON recording (checkpoint_id);
CREATE INDEX ix_location_batch_id ON location (batch_id);
CREATE INDEX ix_location_checkpoint_id ON location (checkpoint_id);
CREATE INDEX ix_location_path_text ON location (path_text);
CREATE INDEX ix_location_recording_id ON location (recording_id);
CREATE UNIQUE INDEX uq_location_present ON location (path) WHERE missing_since IS NULL;
CREATE INDEX ix_attribute_key ON attribute ("key");
CREATE INDEX ix_clip_tag_tag ON clip_tag (tag);
CREATE INDEX ix_nearest_other_id ON nearest (other_id);
CREATE INDEX ix_nearest_score ON nearest (metric_id, score);
CREATE INDEX ix_score_row_clip_id ON score_row (clip_id);
CREATE UNIQUE INDEX uq_score_row_live ON score_row (metric_id, clip_id) WHERE NOT retired;
CREATE UNIQUE INDEX uq_checkpoint ON checkpoint (coalesce(run, ''), coalesce(epoch, -1), coalesce(step, -1));
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('batch',1);
INSERT INTO "sqlite_sequence" VALUES('recording',4);
INSERT INTO "sqlite_sequence" VALUES('clip',4);
INSERT INTO "sqlite_sequence" VALUES('location',4);
INSERT INTO "sqlite_sequence" VALUES('checkpoint',3);
INSERT INTO "sqlite_sequence" VALUES('metric',1);
INSERT INTO "sqlite_sequence" VALUES('decision',7);
INSERT INTO "sqlite_sequence" VALUES('song',1);
INSERT INTO "sqlite_sequence" VALUES('rendering',1);
COMMIT;
