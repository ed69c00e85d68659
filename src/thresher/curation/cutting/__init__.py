"""Cut clips out of recordings: parts by splitting, marks by hand."""
