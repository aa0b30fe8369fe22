"""Ways of watching many cameras, one a file: a module with `create(stage)` that returns an `Approach`."""
