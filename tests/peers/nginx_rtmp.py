"""nginx with its RTMP module, as an RTMP server of its own process."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from real_servers import needs

_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_CONFIG = """
load_module {module};
daemon off;
worker_processes 1;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; record off; }} }} }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NginxRtmp:
    """Skips the test where nginx or its module is not installed."""

    def __init__(self, folder: Path) -> None:
        self._nginx = needs("nginx")
        if not _MODULE.exists():
            pytest.skip("no nginx RTMP module: apt-get install libnginx-mod-rtmp")
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, key: str) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live/{key}"

    def start(self) -> None:
        config = self._folder / "nginx.conf"
        config.write_text(_CONFIG.format(module=_MODULE, folder=self._folder, port=self.port))
        self._process = subprocess.Popen([self._nginx, "-c", str(config), "-p", str(self._folder)])
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, (self._folder / "error.log").read_text()
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
