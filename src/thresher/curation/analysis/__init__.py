"""Analysis of one audio file: decoding, trimming, features."""
