"""Audio files: decoders, containers, encoders, and the key of the same audio in other files."""
