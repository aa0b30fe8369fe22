"""How many cameras does this machine sustain? Paced synthetic cameras, a run in a process of its own, exact truth.

`watchpost bench cameras` measures the product's own way of watching; `python -m bench.fleet`, from the root of the
repository, sets it beside others. See docs/design/fleet-bench.md.
"""
