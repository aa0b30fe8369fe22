"""What cameras sent, on disk: written as it came, found again by time, kept within bounds, checked and mended.

One recorder a camera takes packets ahead of all analysis. Files are fragmented MP4 and know by themselves what they
hold; the index in front of them can be made anew from them.
"""
