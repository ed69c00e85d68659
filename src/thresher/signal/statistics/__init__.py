"""Statistics over many clips: neighbours, clusters, embedding, spread, confidence intervals."""
