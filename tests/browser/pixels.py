"""The pixels of a picture, read by a browser: nothing else here can decode a PNG."""

from __future__ import annotations

from base64 import b64decode, b64encode

from playwright.sync_api import Page


def pixels(page: Page, picture: bytes) -> tuple[int, int, bytes]:
    """Width, height, and red, green, blue, alpha of every pixel. ``page`` is any page that may load data: addresses."""
    width, height, encoded = page.evaluate(_PIXELS, b64encode(picture).decode())
    return width, height, b64decode(encoded)


#: Width, height, and the bytes in base64.
_PIXELS = """async encoded => {
  const image = new Image();
  image.src = "data:image/png;base64," + encoded;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Blob([context.getImageData(0, 0, image.width, image.height).data]);
  const reader = new FileReader();
  const read = new Promise(done => { reader.onload = () => done(reader.result.split(",")[1]); });
  reader.readAsDataURL(pixels);
  return [image.width, image.height, await read];
}"""
