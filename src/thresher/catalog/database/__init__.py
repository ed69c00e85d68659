"""The database of a catalog: its tables, SQLite and PostgreSQL, transactions and upgrades."""
