"""A thumbnail on the deployed stack: some seconds after the end, made by its own rights."""

import io

import httpx
from PIL import Image

from local.waiting import until
from tests.e2e.desk import Desk, sha256
from tests.e2e.shop import Shop


def test_a_finished_picture_has_a_small_webp_soon_and_is_itself_untouched(
    desk: Desk, shop: Shop
) -> None:
    (asset,) = shop.done(prompt="A picture that is looked at small", quality="low")["assets"]

    def there() -> httpx.Response | None:
        answer = httpx.get(asset["thumbnail_url"], trust_env=False)
        return answer if answer.status_code == 200 else None

    answer = until(there, seconds=60, what="the thumbnail")

    assert answer.headers["Content-Type"] == "image/webp"
    small = Image.open(io.BytesIO(answer.content))
    assert (small.format, small.size) == ("WEBP", (320, 320))
    assert sha256(desk.body(asset)) == asset["sha256"]
