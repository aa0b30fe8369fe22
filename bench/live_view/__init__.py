"""A camera that films the clock, and a detector that finds what it films: what bench/live_delay.py looks at."""
