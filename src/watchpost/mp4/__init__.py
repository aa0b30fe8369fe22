"""MP4 files (ISO/IEC 14496-12), written and read without FFmpeg: boxes, parameter sets, fragments, plain files.

FFmpeg's muxer can not be told to finish a fragment now, holds packets back to interleave them, and changes the packets
that others still read. What a recorder needs of the format is small, and the same code reads it back after a crash.
"""
