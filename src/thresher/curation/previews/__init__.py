"""Previews of clips for a page: their sound as WAV, their waveform, and a small picture of their spectrum."""
