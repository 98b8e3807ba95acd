"""Outputs that are not images: a video container, a speech-like sound, a 3D sphere."""

import io
import json
import random
import struct
import wave
from array import array
from math import cos, pi, sin

RATE = 24_000


def mp4(rng: random.Random, seconds: int) -> bytes:
    """Return a well-formed MP4 (ftyp, moov, mdat) of a plausible size, without a playable track."""
    timescale = 1000
    header = struct.pack(
        ">IIIII", 0, 0, 0, timescale, seconds * timescale
    )  # version and flags, created, modified, timescale, duration
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    volume = struct.pack(">IHHII", 0x10000, 0x0100, 0, 0, 0)
    mvhd = _box(b"mvhd", header + volume + matrix + bytes(24) + struct.pack(">I", 2))
    ftyp = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41")
    return ftyp + _box(b"moov", mvhd) + _box(b"mdat", rng.randbytes(seconds * 160_000))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def wav(rng: random.Random, text: str, speed: float) -> bytes:
    """Return a 16-bit mono WAV with one hummed syllable per word."""
    samples = array("h")
    for _ in text.split()[:40] or ["hm"]:
        pitch = rng.uniform(110, 210)
        length = int(RATE * rng.uniform(0.16, 0.34) / speed)
        for n in range(length):
            swell = sin(pi * n / length) ** 0.7
            phase = 2 * pi * pitch * n / RATE
            tone = sin(phase) + 0.5 * sin(2 * phase) + 0.25 * sin(5 * phase)
            samples.append(int(9000 * swell * tone))
        samples.extend([0] * int(RATE * 0.05 / speed))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def glb(rng: random.Random) -> bytes:
    """Return a valid glTF binary: one sphere with hills."""
    rows, columns = 48, 96
    waves = [(rng.randint(2, 7), rng.randint(2, 7), rng.uniform(0, 6)) for _ in range(5)]
    points = array("f")
    for row in range(rows + 1):
        for column in range(columns + 1):
            theta, phi = pi * row / rows, 2 * pi * column / columns
            lumps = sum(sin(a * phi + c) * sin(b * theta) for a, b, c in waves)
            radius = 1 + 0.05 * lumps
            points.extend((radius * sin(theta) * cos(phi), radius * cos(theta),
                           radius * sin(theta) * sin(phi)))  # fmt: skip
    corners = array("H")
    for row in range(rows):
        for column in range(columns):
            first = row * (columns + 1) + column
            below = first + columns + 1
            corners.extend((first, first + 1, below, below, first + 1, below + 1))
    return _gltf(points, corners)


def _gltf(points: array[float], corners: array[int]) -> bytes:
    binary = points.tobytes() + corners.tobytes()
    split = len(points) * points.itemsize
    bounds = {"min": [min(points[axis::3]) for axis in range(3)],
              "max": [max(points[axis::3]) for axis in range(3)]}  # fmt: skip
    document = {
        "asset": {"version": "2.0", "generator": "Darkroom provider simulator"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": split, "target": 34962},
            {"buffer": 0, "byteOffset": split, "byteLength": len(binary) - split, "target": 34963},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(points) // 3, "type": "VEC3"}
            | bounds,
            {"bufferView": 1, "componentType": 5123, "count": len(corners), "type": "SCALAR"},
        ],
    }
    text = json.dumps(document).encode()
    chunks = _chunk(b"JSON", text, b" ") + _chunk(b"BIN\0", binary, b"\0")
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, body: bytes, padding: bytes) -> bytes:
    padded = body + padding * (-len(body) % 4)
    return struct.pack("<I", len(padded)) + kind + padded
