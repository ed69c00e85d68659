"""What the curator decides: the journal, the fields that decisions change, and their undo."""
