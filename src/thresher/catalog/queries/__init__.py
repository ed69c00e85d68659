"""The query language: its text, its fields, and the SQL condition that a query becomes."""
