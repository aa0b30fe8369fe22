"""Where a camera's live stream is handed on to."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from watchpost.config.plugin import beside_file
from watchpost.errors import WatchpostError
from watchpost.options import Seconds, Settings


class OutputOptions(Settings):
    """One target of a camera's live stream: `{url: "rtmp://10.0.0.9/live/KEY"}`. What is lost is tried again."""

    url: SecretStr
    """`rtmp://HOST/APP/KEY` or `rtmps://`, `rtsp://user:password@HOST/PATH`, `udp://HOST:PORT` or `rtp://HOST:PORT`
    (MPEG-TS). Messages leave out credentials and stream keys."""
    transcode: bool = False
    """Encode it anew as H.264 and AAC, for servers that do not take what the camera sends; this costs processor time.
    Otherwise it is handed on as it came."""
    annotated: bool = False
    """Draw boxes, trails, zones and counts into the pictures, and encode them as H.264 with AAC, once for all outputs
    and viewers of the camera that want them so; this costs processor time."""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """A server that does not answer, or does not take what is sent, for this long is lost."""
    tls_verify: bool = True
    """Of `rtmps://` and `rtsps://`: refuse a server whose certificate no trusted authority has signed."""
    ca_file: Path | None = None
    """Of `rtmps://` and `rtsps://`: the authorities to trust (PEM), or the server's own certificate; by default the
    system's."""

    @field_validator("url")
    @classmethod
    def _can_be_meant(cls, url: SecretStr) -> SecretStr:
        # Imported by name, as plugins are: this floor lies below the room.
        targets: Any = importlib.import_module("watchpost.serving.targets")
        try:
            address = targets.TargetAddress.parse(url.get_secret_value())
        except WatchpostError as error:
            raise PydanticCustomError("target", "{reason}", {"reason": str(error)}) from None
        if not address.is_live:
            reason = "an output goes over the network; for files there are recording: and watchpost relay"
            raise PydanticCustomError("target", "{reason}", {"reason": reason})
        return url

    @model_validator(mode="after")
    def _encoded_once(self) -> Self:
        if self.annotated and self.transcode:
            reason = "annotated pictures are encoded as H.264 and AAC anyway; leave out transcode"
            raise PydanticCustomError("target", "{reason}", {"reason": reason})
        return self

    @field_validator("ca_file")
    @classmethod
    def _beside_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        return None if path is None else beside_file(path, info.context)
