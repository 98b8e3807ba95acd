import io
import json
import struct
import wave

import pytest
from PIL import Image

from tests.simulator.client import REFERENCE, Api


def test_video_is_a_well_formed_mp4(api: Api) -> None:
    done = api.run("waves", "wavespeed-ai/wan-2.2/t2v-480p-ultra-fast", duration=5)
    response = api.download(done)

    boxes, remaining = [], response.content
    while remaining:
        [size] = struct.unpack(">I", remaining[:4])
        boxes.append(remaining[4:8])
        remaining = remaining[size:]
    assert boxes == [b"ftyp", b"moov", b"mdat"]
    assert response.headers["content-type"] == "video/mp4"
    assert len(response.content) > 500_000


def test_speech_is_a_valid_wav(api: Api) -> None:
    prediction = api.data(api.post("/minimax/speech-02-turbo", {"text": "Three short words"}))
    response = api.download(api.finish(prediction))

    with wave.open(io.BytesIO(response.content)) as sound:
        assert 0.4 < sound.getnframes() / sound.getframerate() < 2
    assert response.headers["content-type"] == "audio/wav"


def test_3d_output_is_a_valid_glb(api: Api) -> None:
    model = "wavespeed-ai/hunyuan3d-v2-base"
    prediction = api.data(api.post(f"/{model}", {"image": REFERENCE}))
    response = api.download(api.finish(prediction))

    magic, version, total, length, kind = struct.unpack("<4sIII4s", response.content[:20])
    document = json.loads(response.content[20 : 20 + length])
    assert (magic, version, total, kind) == (b"glTF", 2, len(response.content), b"JSON")
    positions, corners = document["accessors"]
    views = document["bufferViews"]
    assert positions["count"] * 12 == views[0]["byteLength"]
    assert corners["count"] * 2 == views[1]["byteLength"]
    assert response.headers["content-type"] == "model/gltf-binary"


def test_upscaler_enlarges_the_reference(api: Api) -> None:
    model = "wavespeed-ai/image-upscaler"
    prediction = api.data(api.post(f"/{model}", {"image": REFERENCE, "target_resolution": "2k"}))
    response = api.download(api.finish(prediction))

    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.size) == ("JPEG", (2368, 1776))


@pytest.mark.parametrize("size", ["1024*512", "768*1024"])
def test_z_image_has_its_own_schema(api: Api, size: str) -> None:
    image = api.image(api.run("a fox", "wavespeed-ai/z-image/turbo", size=size))

    assert f"{image.width}*{image.height}" == size
    assert api.post("/wavespeed-ai/z-image/turbo", {"prompt": "x", "quality": "low"}).is_error
