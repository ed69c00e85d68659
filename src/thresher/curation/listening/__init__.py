"""Listening queues: choose clips to hear, play them, remember what was heard."""
