"""The API, one file a part: `router(services)` has its routes, and `web/app.py` lists them."""
