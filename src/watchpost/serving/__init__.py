"""Streams of our own, for whoever reads them: an RTSP server, and what RTP makes of packets."""
