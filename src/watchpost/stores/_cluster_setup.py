"""What an Elasticsearch cluster is told before the first event: analyzers, mappings, how long indices live."""

from __future__ import annotations

from typing import Any, Final

from watchpost.stores._event_document import ANALYZER, event_mapping

SEARCH_ANALYZER: Final = f"{ANALYZER}_search"
_CJK: Final = r"\p{IsHangul}\p{IsHan}\p{IsHiragana}\p{IsKatakana}"
_ANALYSIS: Final[dict[str, Any]] = {
    "char_filter": {
        "watchpost_signs": {"type": "pattern_replace", "pattern": r"[_\-.,:'’]", "replacement": " "},
        "watchpost_scripts": {
            "type": "pattern_replace",
            "pattern": rf"(?<=[{_CJK}])(?=[^{_CJK}\s])|(?<=[^{_CJK}\s])(?=[{_CJK}])",
            "replacement": " ",
        },
    },
    "filter": {"watchpost_pairs": {"type": "cjk_bigram", "output_unigrams": True}},
    "analyzer": {
        name: {
            "type": "custom",
            "char_filter": ["watchpost_signs", "watchpost_scripts"],
            "tokenizer": "standard",
            "filter": ["cjk_width", "lowercase", pairs],
        }
        for name, pairs in ((ANALYZER, "watchpost_pairs"), (SEARCH_ANALYZER, "cjk_bigram"))
    },
}


def events_template(prefix: str, lifecycle: str | None) -> dict[str, Any]:
    """The index template of the events."""
    return {
        "index_patterns": [f"{prefix}-events-*"],
        "priority": 200,
        "template": {
            "settings": {"index": {"analysis": _ANALYSIS} | _lifecycle(lifecycle)},
            "mappings": event_mapping(SEARCH_ANALYZER, ANALYZER),
        },
    }


def snapshots_template(prefix: str, lifecycle: str | None) -> dict[str, Any]:
    """The index template of the snapshots, which are kept apart so that searches do not carry them."""
    return {
        "index_patterns": [f"{prefix}-snapshots-*"],
        "priority": 200,
        "template": {
            "settings": {"index": _lifecycle(lifecycle)},
            "mappings": {
                "dynamic": False,
                "properties": {"jpeg": {"type": "binary"}, "end": {"properties": {"time": {"type": "date"}}}},
            },
        },
    }


def lifecycle_policy(keep_days: int) -> dict[str, Any]:
    """Delete an index when its youngest event is older than `keep_days`: an index holds a month."""
    return {"phases": {"hot": {"actions": {}}, "delete": {"min_age": f"{keep_days + 31}d", "actions": {"delete": {}}}}}


def _lifecycle(name: str | None) -> dict[str, Any]:
    return {"lifecycle": {"name": name}} if name else {}
