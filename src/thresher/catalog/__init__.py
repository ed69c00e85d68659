"""The state of a catalog: schema, database, query language, score rows, decisions, audio files, settings."""
