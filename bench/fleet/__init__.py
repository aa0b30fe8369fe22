"""How many cameras does this machine sustain, by which way of watching them? See docs/design/fleet-bench.md.

python -m bench.fleet make|run|compare --help, from the root of the repository. What runs and measures is
`watchpost.fleet`; the other ways of watching are in `approaches`.
"""
