"""The words by which names of tags and of command-line flags are recognised as parameters of a generation.

Sidecars belong to a generator, so all their values are attributes. Tags and flags also say other things (artist,
output folder), so only those whose names contain one of these words become attributes.
"""

from __future__ import annotations

import itertools
import re

GENERATION_WORDS = frozenset(
    (
        *("run", "epoch", "step", "steps", "iteration", "checkpoint", "ckpt", "model", "lora", "unet", "vae"),
        *("seed", "noise_seed", "temperature", "temp", "prompt", "negative", "cfg", "guidance", "strength"),
        *(
            "top_k",
            "topk",
            "top_p",
            "topp",
            "sampler",
            "scheduler",
            "solver",
            "denoise",
            "denoising",
            "sigma",
        ),
        *("diffusion", "latent", "continuation"),
    )
)

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def is_generation_name(name: str) -> bool:
    """Return whether a name such as `noise_seed`, `CFG scale` or `topK` contains one of the words."""
    words = [word.casefold() for word in _WORD.findall(name)]
    joined = [f"{one}_{other}" for one, other in itertools.pairwise(words)]
    return not GENERATION_WORDS.isdisjoint([*words, *joined])
