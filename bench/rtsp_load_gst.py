"""gst-rtsp-server fed as `rtsp_load.py` feeds ours: rtsp_load_gst.py CLIP CAMERAS FPS, by a Python that has `gi`."""

import re
import struct
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions come first

MARK = b"watchpost-bench!"


def read_clip(path):
    with open(path, "rb") as file:  # noqa: PTH123 - as short as it gets
        data = file.read()
    at, found = 0, []
    while at < len(data):
        is_key, length = struct.unpack_from(">BI", data, at)
        found.append((data[at + 5 : at + 5 + length], bool(is_key)))
        at += 5 + length
    return found


def stamped(unit, now_s):
    text = MARK + b"%020d" % round(now_s * 1e6)
    sei = b"\x00\x00\x00\x01\x06\x05" + bytes((len(text),)) + text + b"\x80"
    begin = re.search(rb"\x00\x00\x01[\x01\x41\x61\x65\x25\x45]", unit).start()
    begin -= begin > 0 and unit[begin - 1] == 0
    return unit[:begin] + sei + unit[begin:]


class Camera:
    """Pushes the clip's pictures in real time into the media of one mount point, while there is one."""

    def __init__(self, server, name, units, fps):
        self.units, self.fps, self.source, self.number = units, fps, None, 0
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            "( appsrc name=source is-live=true do-timestamp=true format=time "
            "caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! "
            "rtph264pay name=pay0 pt=96 config-interval=-1 )"
        )
        factory.set_shared(True)
        factory.set_latency(0)
        factory.connect("media-configure", self.configure)
        server.get_mount_points().add_factory(f"/{name}", factory)

    def configure(self, _factory, media):
        self.source = media.get_element().get_child_by_name("source")
        media.connect("unprepared", self.forget)

    def forget(self, _media):
        self.source = None

    def push(self):
        unit, _ = self.units[self.number % len(self.units)]
        self.number += 1
        if self.source is not None:
            self.source.emit("push-buffer", Gst.Buffer.new_wrapped(stamped(unit, time.monotonic())))
        return True


def main():
    path, count, fps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.set_backlog(200)
    units = read_clip(path)
    cameras = [Camera(server, f"camera{index}", units, fps) for index in range(count)]
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)
    start_s, number = time.monotonic(), [0]

    def turn():
        number[0] += 1
        cameras[number[0] % count].push()
        due_s = start_s + number[0] / count / fps
        GLib.timeout_add(max(0, round((due_s - time.monotonic()) * 1000)), turn)
        return False

    GLib.timeout_add(1, turn)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
