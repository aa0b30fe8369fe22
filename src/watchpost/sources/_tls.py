"""Options of encrypted connections, common to rtsps, rtmps and https."""

from __future__ import annotations

import ssl
from pathlib import Path

from watchpost import options


class TlsOptions(options.Options):
    """How a server proves who it is."""

    tls_verify: bool = True
    """Refuse a server whose certificate no trusted authority has signed."""
    ca_file: Path | None = None
    """The authorities to trust (PEM), or the camera's own self-signed certificate; by default the system's."""

    def ffmpeg(self) -> dict[str, str]:
        """FFmpeg's names for these. Its library knows no system folder of its own, so Python's is named."""
        if not self.tls_verify:
            return {"tls_verify": "0"}
        ca_file = self.ca_file or ssl.get_default_verify_paths().cafile
        return {"tls_verify": "1"} | ({} if ca_file is None else {"ca_file": str(ca_file)})
