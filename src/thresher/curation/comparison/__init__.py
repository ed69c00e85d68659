"""Compare clips: score rows, neighbours, duplicates, suspects, clusters, the map of clips."""
