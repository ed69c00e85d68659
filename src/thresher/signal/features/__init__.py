"""What is computed from one clip: trimming, spectra, descriptor, measures, fingerprint, loudness."""
