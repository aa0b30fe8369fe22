"""RTMP, spoken without FFmpeg: a publisher and a receiver of published streams, over sockets with time-outs.

FFmpeg's RTMP output can neither be given a time-out nor be interrupted, so a server that stops reading would hold its
thread for ever; its listener takes one publisher a port and tells the key to its log. What publishing needs of the
protocol ("Adobe's Real Time Messaging Protocol", version 1.0, 2012) is small. FFmpeg still does what it does well:
turning packets into FLV and back.
"""
