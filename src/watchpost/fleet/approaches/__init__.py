"""Ways of watching many cameras, one a file: a module with `create(stage)` that returns an `Approach`.

The product's own and the floors are here; any module with such a `create` will do, by its dotted name.
"""
