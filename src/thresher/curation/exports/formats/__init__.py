"""The formats that a song is exported to, one module each."""
