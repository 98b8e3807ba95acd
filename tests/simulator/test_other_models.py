import io
import json
import struct
import wave

import pytest
from PIL import Image

from tests.simulator.client import PICTURE, Api


def test_a_video_is_a_file_of_well_formed_boxes(api: Api) -> None:
    done = api.run("waves", "wavespeed-ai/wan-2.2/t2v-480p-ultra-fast", duration=5)
    reply = api.download(done)

    kinds, rest = [], reply.content
    while rest:
        [size] = struct.unpack(">I", rest[:4])
        kinds.append(rest[4:8])
        rest = rest[size:]
    assert kinds == [b"ftyp", b"moov", b"mdat"]
    assert reply.headers["content-type"] == "video/mp4"
    assert len(reply.content) > 500_000


def test_speech_is_a_valid_wav(api: Api) -> None:
    prediction = api.data(api.post("/minimax/speech-02-turbo", {"text": "Three short words"}))
    reply = api.download(api.finish(prediction))

    with wave.open(io.BytesIO(reply.content)) as sound:
        assert 0.4 < sound.getnframes() / sound.getframerate() < 2
    assert reply.headers["content-type"] == "audio/wav"


def test_a_shape_is_a_valid_binary_gltf(api: Api) -> None:
    model = "wavespeed-ai/hunyuan3d-v2-base"
    prediction = api.data(api.post(f"/{model}", {"image": PICTURE}))
    reply = api.download(api.finish(prediction))

    magic, version, total, length, kind = struct.unpack("<4sIII4s", reply.content[:20])
    document = json.loads(reply.content[20 : 20 + length])
    assert (magic, version, total, kind) == (b"glTF", 2, len(reply.content), b"JSON")
    positions, corners = document["accessors"]
    views = document["bufferViews"]
    assert positions["count"] * 12 == views[0]["byteLength"]
    assert corners["count"] * 2 == views[1]["byteLength"]
    assert reply.headers["content-type"] == "model/gltf-binary"


def test_an_upscaler_enlarges_what_it_fetched(api: Api) -> None:
    model = "wavespeed-ai/image-upscaler"
    prediction = api.data(api.post(f"/{model}", {"image": PICTURE, "target_resolution": "2k"}))
    reply = api.download(api.finish(prediction))

    with Image.open(io.BytesIO(reply.content)) as image:
        assert (image.format, image.size) == ("JPEG", (2368, 1776))


@pytest.mark.parametrize("size", ["1024*512", "768*1024"])
def test_another_image_model_has_a_schema_of_its_own(api: Api, size: str) -> None:
    picture = api.picture(api.run("a fox", "wavespeed-ai/z-image/turbo", size=size))

    assert f"{picture.width}*{picture.height}" == size
    assert api.post("/wavespeed-ai/z-image/turbo", {"prompt": "x", "quality": "low"}).is_error
