"""Backups of the database, copies between databases, and damage."""
