"""A real RTSP server for tests: plays a clip to all who come, from when the first one came.

Run by a Python that has `gi`. Prints `ready PORT` when it listens.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - versions come first


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", help="MP4 file with H.264 video")
    parser.add_argument("--port", default="0", help="0 takes a free one")
    parser.add_argument("--path", default="/live")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--digest", action="store_true", help="Digest authentication instead of Basic")
    parser.add_argument("--certificate", help="PEM file with certificate and key: serve rtsps")
    return parser.parse_args()


def make_auth(arguments):
    auth = GstRtspServer.RTSPAuth()
    if arguments.certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(arguments.certificate))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if not arguments.user:
        auth.set_default_token(token)
    elif arguments.digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(arguments.user, arguments.password, token)
    else:
        basic = GstRtspServer.RTSPAuth.make_basic(arguments.user, arguments.password)
        auth.add_basic(basic, token)
    return auth


def main():
    arguments = parse_arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(arguments.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{arguments.clip}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )'
    )
    factory.set_shared(True)
    if arguments.user or arguments.certificate:
        server.set_auth(make_auth(arguments))
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("access", "construct"):
            permissions.add_permission_for_role("user", f"media.factory.{right}", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(arguments.path, factory)
    if server.attach(None) == 0:
        sys.exit(f"can not listen on port {arguments.port}")
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
