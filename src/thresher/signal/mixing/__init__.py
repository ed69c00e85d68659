"""The sound of a rendering: mixing clips with gains and fades, limiting, dithering."""
