"""Pictures that are arrays already, and how such pictures are read from bytes and written as JPEG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import WatchpostError
from watchpost.types import BGR


class ArrayPicture:
    """A `Picture` over an array (H, W, 3) uint8 BGR.

    Raises `ValueError` for another shape or dtype.
    """

    def __init__(self, bgr: BGR) -> None:
        if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3:
            raise ValueError(f"picture: expected (H, W, 3) uint8, got {bgr.shape} {bgr.dtype}")
        self._bgr = bgr.view()
        self._bgr.flags.writeable = False

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._bgr.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._bgr.shape[0])

    def bgr(self) -> BGR:
        """The array itself, read-only."""
        return self._bgr

    def resized(self, width: int, height: int) -> BGR:
        """Stretched to (height, width, 3): bilinear (as the reference models expect)."""
        import cv2

        if (width, height) == (self.width, self.height):
            return self._bgr
        return np.asarray(cv2.resize(self._bgr, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def grey(self, width: int, height: int) -> NDArray[np.uint8]:
        """Stretched to (height, width) grey: each pixel the mean of those it stands for."""
        import cv2

        small = cv2.resize(self._bgr, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def decode_picture(data: bytes, name: str = "picture") -> BGR:
    """A JPEG, PNG, WebP, BMP or TIFF file's bytes as (H, W, 3) uint8 BGR, turned upright by its EXIF note.

    Grey pictures get three equal channels, alpha is dropped, 16-bit samples are scaled to 8 bits.
    Raises `WatchpostError` when the bytes are no picture.
    """
    import cv2

    if not data:
        raise WatchpostError(f"{name} is empty (0 bytes).")
    buffer = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise WatchpostError(f"{name} can not be decoded: {error.err}.") from None
    if image is None:
        raise WatchpostError(f"{name} is not a picture that can be decoded, or is cut off.")
    return np.asarray(image, np.uint8)


def encode_jpeg(bgr: BGR, quality: int = 85) -> bytes:
    """A picture (H, W, 3) uint8 BGR as the bytes of a JPEG file; `quality` 1-100."""
    import cv2

    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise WatchpostError(f"a picture of shape {bgr.shape} can not be encoded as JPEG.")
    return data.tobytes()
