"""Where a camera's video is decoded."""

from __future__ import annotations

from typing import Literal

DecodeOn = Literal["cpu", "auto", "cuda", "vaapi"]
"""`cpu`: FFmpeg's own decoders. `cuda`: NVDEC. `vaapi`: Intel and AMD. `auto`: a device that is there."""
