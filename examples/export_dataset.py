"""Export the clips that you kept, with their recipes, as a data set for the next training.

    python examples/export_dataset.py FOLDER [QUERY]

FOLDER gets the audio, without the silence at both ends, and metadata.jsonl, one line per clip, in the form that
`datasets.load_dataset("audiofolder", data_dir=FOLDER)` reads. Without a QUERY, clips rated 4 or 5 are exported.
Files that are there already with the same contents are not written again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import thresher


def main(folder: Path, query: str) -> None:
    """Write the clips that match the query, and what is known about each."""
    with thresher.Catalog.open() as catalog:
        exported = thresher.export_clips(catalog, query, folder, form="trimmed")
        rows = {row.id: row for row in thresher.list_clips(catalog, query)}
        recipes = {each.clip: each for each in thresher.recipe(catalog, query)}
    lines = []
    for file in exported.files:
        if file.path is None:
            print(f"left out: {file.source}: {file.reason}", file=sys.stderr)
            continue
        row, recipe = rows[file.clip], recipes[file.clip]
        lines.append(
            {
                "file_name": Path(file.path).name,
                "rating": row.rating,
                "tags": row.tags,
                "seconds": row.seconds,
                "recipe": {value.name: value.text for value in recipe.values},
                "command": recipe.line.command if recipe.line else recipe.recorded,
                "source_sha256": recipe.sha256,
            }
        )
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(lines)} clips in {folder}, {exported.bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python examples/export_dataset.py FOLDER [QUERY]")
    try:
        main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else "rating:4..")
    except thresher.ThresherError as error:
        sys.exit(f"error: {error}")
