"""Texts: their normal form, the values in them, and time limits for matching them."""
