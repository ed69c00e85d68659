"""A catalog of clips with names, sidecars and tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.tagged_files import comfy_flac, wav
from tests.support import PREFIX_ONLY, MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

TEMPLATES = """
[[recipe]]
name = "craft"
pattern = "audiocraft"
checkpoint = "xps/{run}/{epoch:03}.th"
command = "python g.py --ckpt {checkpoint} --seed {seed} --temp {temperature}"

[[recipe]]
name = "rnn"
pattern = "*samplernn"
run = "rnn*"
command = "python two_tier.py --i {step} --temp {temperature}"

[[recipe]]
name = "comfy"
query = "sampler_name:dpmpp"
command = "comfy run --seed {seed} --prompt {prompt}"
"""

SIDECAR = b'{"generation_args": {"temp": 0.95}, "argv": ["--seed", "7"]}'


@pytest.fixture(scope="session")
def made_clips_template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, serial: IngestOptions
) -> Path:
    """The folder that `made_clips` is copied from."""
    home = tmp_path_factory.mktemp("made")
    new_catalog(home).close()
    (home / "catalog.toml").write_text(PREFIX_ONLY + TEMPLATES)
    files = {
        "rnn/sample_e10_i220001_20_17-19-52_0.wav": wav(),
        "xps/9357d0f2/samples/40/noinput_0f8f.wav": wav(seconds=4.5),
        "xps/9357d0f2/samples/40/noinput_0f8f.json": SIDECAR,
        "comfy/ComfyUI_00001_.flac": comfy_flac(),
    }
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home], serial)
    return home


@pytest.fixture
def made_clips(tmp_path: Path, made_clips_template: Path) -> Iterator[Catalog]:
    """Three clips: 1 of ComfyUI with tags, 2 of SampleRNN with a name only, 3 of audiocraft with a sidecar."""
    copy_folder(made_clips_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made
