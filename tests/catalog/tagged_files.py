"""Small files with tags, built byte by byte."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping

import soundfile

from tests.support import riff

GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 840755638734093,
            "steps": 50,
            "cfg": 4.98,
            "sampler_name": "dpmpp_3m_sde_gpu",
            "positive": ["6", 0],
            "negative": ["7", 0],
            "model": ["4", 0],
        },
    },
    "4": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {"ckpt_name": "stable-audio-open-1.0.safetensors"},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "slow rain", "clip": ["10", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "drums", "clip": ["10", 0]}},
    "19": {"class_type": "SaveAudio", "inputs": {"filename_prefix": "audio/ComfyUI", "audio": ["12", 0]}},
}
"""A graph as ComfyUI writes it into the tag `prompt`."""

WORKFLOW = {"last_node_id": 19, "nodes": [{"id": 3, "widgets_values": [1, "randomize"]}], "links": []}
"""The same graph as the editor draws it, in the tag `workflow`."""


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a WAV file."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def info(**texts: str) -> bytes:
    """Return a chunk `LIST INFO`."""
    return chunk(
        b"LIST",
        b"INFO" + b"".join(chunk(name.encode(), text.encode() + b"\0") for name, text in texts.items()),
    )


def bext(description: str, history: str) -> bytes:
    """Return a chunk `bext` of the second version."""
    fields = (description, 256), ("thresher", 32), ("REF", 32), ("2026-11-28", 10), ("12:00:00", 8)
    head = b"".join(text.encode().ljust(size, b"\0") for text, size in fields)
    return chunk(b"bext", head + bytes(602 - len(head)) + history.encode())


def id3(**texts: str) -> bytes:
    """Return an ID3v2.3 tag with a frame TXXX for each text."""
    frames = b""
    for name, text in texts.items():
        content = b"\3" + name.encode() + b"\0" + text.encode()
        frames += b"TXXX" + struct.pack(">IH", len(content), 0) + content
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frames


def wav(*before: bytes, after: bytes = b"", form: bytes = b"RIFF", seconds: float = 4.0) -> bytes:
    """Return a WAV file with chunks before and after its samples."""
    y = (riff(1, seconds) * 32_767).astype("<i2").tobytes()
    chunks = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)) + b"".join(before)
    if form == b"RF64":
        data = b"data" + b"\xff\xff\xff\xff" + y
        chunks = chunk(b"ds64", struct.pack("<QQQI", 0, len(y), len(y) // 2, 0)) + chunks
    else:
        data = chunk(b"data", y)
    body = b"WAVE" + chunks + data + after
    size = b"\xff\xff\xff\xff" if form == b"RF64" else struct.pack("<I", len(body))
    return form + size + body


def flac(tags: Mapping[str, str]) -> bytes:
    """Return a FLAC file with Vorbis comments."""
    file = io.BytesIO()
    soundfile.write(file, riff(2), 16_000, format="FLAC")
    content = file.getvalue()
    comments = [f"{name}={text}".encode() for name, text in tags.items()]
    block = struct.pack("<I", 0) + struct.pack("<I", len(comments))
    block += b"".join(struct.pack("<I", len(each)) + each for each in comments)
    # after the marker and the block STREAMINFO, which may be the last one
    head, rest = bytearray(content[:42]), content[42:]
    is_last = head[4] & 0x80
    head[4] &= 0x7F
    return bytes(head) + bytes([4 | is_last]) + len(block).to_bytes(3, "big") + block + rest


def comfy_flac() -> bytes:
    """Return a FLAC file as ComfyUI writes it."""
    return flac({"prompt": json.dumps(GRAPH), "workflow": json.dumps(WORKFLOW)})
