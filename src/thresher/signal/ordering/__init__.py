"""Orderings: from clips and their scores to a sequence."""
