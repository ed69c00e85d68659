"""Songs: settings, the sequence of clips, edits, the tracklist."""
