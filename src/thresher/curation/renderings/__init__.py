"""Renderings: render a song, keep its history, write and verify manifests."""
