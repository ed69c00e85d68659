"""Files and folders: stored paths, hashes, stamps, and files that are not complete yet."""
