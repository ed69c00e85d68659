"""Find, show, judge and prune clips."""
