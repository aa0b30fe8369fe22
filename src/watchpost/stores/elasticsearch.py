"""Events in an Elasticsearch cluster; `_cluster.py` does the work, when the client's library is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from watchpost.clock import Clock
from watchpost.options import Options as PluginOptions
from watchpost.options import Seconds
from watchpost.plugins import missing_extra

if TYPE_CHECKING:
    from watchpost.stores._cluster import ElasticsearchStore


class Options(PluginOptions):
    """An Elasticsearch cluster (version 9, or what speaks its dialect)."""

    url: str = Field(default="http://127.0.0.1:9200", min_length=1)
    """Address of the cluster, `https://host:9200`."""
    api_key: SecretStr | None = None
    """API key, in the form that Elasticsearch gives it (base64 of id and key)."""
    user: str | None = None
    """User name, with `password`, where there is no API key."""
    password: SecretStr | None = None
    """Password of the user."""
    ca_file: Path | None = None
    """Certificate of the authority that signed the cluster's own."""
    index: str = Field(default="watchpost", pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")
    """What the names of the indices begin with."""
    keep_days: int | None = Field(default=None, ge=1, le=36_500)
    """Let the cluster delete events after so many days (index lifecycle); nothing: it keeps them."""
    setup: bool = True
    """Install index templates, and the lifecycle policy, at the start; `false` where an administrator has done so."""
    timeout: Seconds = Field(default=10.0, gt=0, le=600)
    """How long one request may take."""
    queue: Path = Path("watchpost-elasticsearch.queue")
    """File in which events wait while the cluster is down; its folder is made where it is missing."""
    queue_mb: int = Field(default=500, ge=1)
    """Megabytes that wait at most, pictures included; beyond it the oldest are dropped and counted."""


def create(options: Options, clock: Clock | None = None) -> ElasticsearchStore:
    """Connect to the cluster; it may be down.

    Raises `WatchpostError` when the client's library is missing or the queue can not be used.
    """
    try:
        from watchpost.stores._cluster import ElasticsearchStore
    except ModuleNotFoundError as error:
        raise (missing_extra(error) or error) from None
    return ElasticsearchStore(options, clock)
