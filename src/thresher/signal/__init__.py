"""Arrays in, arrays out: features, metrics, orderings, mixing and statistics. Nothing here opens a file."""
