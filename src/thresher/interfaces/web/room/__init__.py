"""What the routes share: the open catalog, the shapes of answers and errors, ranges of bytes, long computations."""
