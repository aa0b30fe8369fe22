from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--es-url", help="run the contract of the stores against this Elasticsearch cluster too")
    parser.addoption("--es-api-key", help="API key for --es-url")
