"""Write songs and clips for other programs."""
