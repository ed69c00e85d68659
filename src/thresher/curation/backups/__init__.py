"""Verbs that take a catalog back to a backup, and that carry curation from one catalog to another."""
