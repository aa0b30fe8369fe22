"""The official client against a real server."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from .conftest import TOKEN

elasticsearch = pytest.importorskip("elasticsearch", reason="pip install 'watchpost[elasticsearch]'")
from elasticsearch import Elasticsearch, helpers  # noqa: E402


@pytest.fixture
def client(url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, basic_auth=("anybody", TOKEN), max_retries=0) as client:
        yield client


MAPPINGS = {
    "properties": {
        "name": {"type": "keyword"},
        "text": {"type": "text"},
        "count": {"type": "integer"},
        "at": {"type": "date"},
        "size": {"type": "object", "properties": {"w": {"type": "float"}}},
    }
}


def test_the_client_finds_out_who_answers(client: Elasticsearch) -> None:
    assert client.info()["version"]["number"].split(".")[0] == "9"
    assert client.ping()


@pytest.mark.parametrize(
    "credentials",
    [
        {"basic_auth": ("elastic", TOKEN)},
        {"api_key": ("some id", TOKEN)},
        {"api_key": base64.b64encode(f"id:{TOKEN}".encode()).decode()},
        {"api_key": TOKEN},
        {"bearer_auth": TOKEN},
    ],
    ids=["basic", "id and key", "encoded key", "the token as key", "bearer"],
)
def test_credentials_as_the_client_sends_them(url: str, credentials: dict) -> None:
    with Elasticsearch(url, **credentials) as client:
        assert client.count(index="events")["count"] == 3


@pytest.mark.parametrize("credentials", [{}, {"basic_auth": ("elastic", "wrong")}, {"api_key": "wrong"}])
def test_nothing_is_told_without_the_token(url: str, credentials: dict) -> None:
    with Elasticsearch(url, **credentials) as client:
        with pytest.raises(elasticsearch.AuthenticationException) as caught:
            client.search(index="events")
        assert caught.value.status_code == 401
        assert caught.value.body["error"]["type"] == "security_exception"


def test_an_index_is_made_shown_and_deleted(client: Elasticsearch) -> None:
    assert client.indices.create(index="notes", mappings=MAPPINGS, settings={"number_of_shards": 1})["acknowledged"]
    assert client.indices.exists(index="notes")
    assert client.indices.get(index="notes")["notes"]["mappings"]["properties"]["count"] == {"type": "integer"}
    with pytest.raises(elasticsearch.BadRequestError, match="resource_already_exists_exception"):
        client.indices.create(index="notes")
    client.indices.put_mapping(index="notes", properties={"more": {"type": "boolean"}})
    with pytest.raises(elasticsearch.BadRequestError, match="cannot be changed from type"):
        client.indices.put_mapping(index="notes", properties={"count": {"type": "text"}})
    assert "more" in client.indices.get_mapping(index="notes")["notes"]["mappings"]["properties"]
    assert client.indices.delete(index="notes")["acknowledged"]
    assert not client.indices.exists(index="notes")
    with pytest.raises(elasticsearch.NotFoundError, match="index_not_found_exception"):
        client.indices.delete(index="notes")


@pytest.mark.parametrize("name", ["Upper", "a b", "_private", "a#b", "-x"])
def test_names_that_no_index_can_have(client: Elasticsearch, name: str) -> None:
    with pytest.raises(elasticsearch.BadRequestError, match="invalid_index_name_exception"):
        client.indices.create(index=name)


def test_documents_are_written_read_and_deleted(client: Elasticsearch) -> None:
    first = client.index(index="notes", id="a/b 정", document={"name": "x", "n": 1})
    assert (first["result"], first["_version"], first.meta.status) == ("created", 1, 201)
    again = client.index(index="notes", id="a/b 정", document={"name": "y", "n": 2})
    assert (again["result"], again["_version"], again.meta.status) == ("updated", 2, 200)
    assert client.get(index="notes", id="a/b 정")["_source"] == {"name": "y", "n": 2}
    assert client.get(index="notes", id="a/b 정", source=["n"])["_source"] == {"n": 2}
    with pytest.raises(elasticsearch.ConflictError, match="version_conflict_engine_exception"):
        client.create(index="notes", id="a/b 정", document={})
    assert client.exists(index="notes", id="a/b 정")
    assert client.index(index="notes", document={})["_id"]
    assert client.delete(index="notes", id="a/b 정")["result"] == "deleted"
    with pytest.raises(elasticsearch.NotFoundError):
        client.delete(index="notes", id="a/b 정")
    with pytest.raises(elasticsearch.NotFoundError) as caught:
        client.get(index="notes", id="a/b 정")
    assert caught.value.body["found"] is False


def test_bulk_helpers_write_and_tell_what_failed(client: Elasticsearch) -> None:
    client.indices.create(index="notes", mappings=MAPPINGS)
    actions = [{"_index": "notes", "_id": str(n), "name": f"n{n % 3}", "count": n} for n in range(1200)]
    assert helpers.bulk(client, actions) == (1200, [])
    done, errors = helpers.bulk(
        client,
        [
            {"_op_type": "create", "_index": "notes", "_id": "7", "count": 1},
            {"_op_type": "delete", "_index": "notes", "_id": "8"},
            {"_op_type": "delete", "_index": "notes", "_id": "nobody"},
            {"_index": "notes", "_id": "bad", "count": "many"},
        ],
        raise_on_error=False,
    )
    assert done == 1
    kinds = [next(iter(each.values())) for each in errors]
    assert [each["status"] for each in kinds] == [409, 404, 400]
    assert kinds[2]["error"]["type"] == "document_parsing_exception"
    assert client.count(index="notes", query={"range": {"count": {"gte": 100}}})["count"] == 1100


def test_a_search_with_all_its_parts(client: Elasticsearch) -> None:
    client.indices.create(index="notes", mappings=MAPPINGS)
    texts = ["the red car at the gate", "빨간 자동차가 정문에서", "a dog", "red red dog"]
    for number, text in enumerate(texts):
        document = {"name": f"n{number}", "text": text, "at": f"2026-05-0{number + 1}T10:00:00Z", "size": {"w": number}}
        client.index(index="notes", id=str(number), document=document, refresh=True)
    answer = client.search(index="notes", query={"match": {"text": "red"}}, highlight={"fields": {"text": {}}})
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["3", "0"], "the more often, the better"
    assert answer["hits"]["max_score"] == answer["hits"]["hits"][0]["_score"] > 0
    assert answer["hits"]["hits"][1]["highlight"] == {"text": ["the <em>red</em> car at the gate"]}
    korean = client.search(index="notes", query={"match": {"text": {"query": "정문", "operator": "and"}}})
    assert [hit["_id"] for hit in korean["hits"]["hits"]] == ["1"]
    page = client.search(index="note*", sort=[{"at": "desc"}], size=2, source_includes=["name"], track_total_hits=True)
    assert [hit["_source"] for hit in page["hits"]["hits"]] == [{"name": "n3"}, {"name": "n2"}]
    assert page["hits"]["total"] == {"value": 4, "relation": "eq"}
    rest = client.search(index="notes", sort=[{"at": "desc"}], size=2, search_after=page["hits"]["hits"][-1]["sort"])
    assert [hit["_id"] for hit in rest["hits"]["hits"]] == ["1", "0"]
    counted = client.search(
        index="notes",
        size=0,
        aggs={
            "days": {
                "date_histogram": {"field": "at", "calendar_interval": "day"},
                "aggs": {"names": {"terms": {"field": "name"}}, "widths": {"stats": {"field": "size.w"}}},
            }
        },
    )
    buckets = counted["aggregations"]["days"]["buckets"]
    assert [bucket["doc_count"] for bucket in buckets] == [1, 1, 1, 1]
    assert buckets[2]["key_as_string"] == "2026-05-03T00:00:00.000Z"
    assert buckets[2]["names"]["buckets"][0]["key"] == "n2"
    assert buckets[2]["widths"]["avg"] == 2.0


def test_events_can_be_read_and_not_written(client: Elasticsearch) -> None:
    answer = client.search(
        index="events", query={"bool": {"filter": [{"term": {"camera": "side gate"}}]}}, sort=[{"end.time": "desc"}]
    )
    assert [hit["_source"]["track_id"] for hit in answer["hits"]["hits"]] == [2, 0]
    assert answer["hits"]["hits"][0]["_source"]["attributes"] == {"direction": "in"}
    assert client.get(index="events", id=f"{1:032x}")["_source"]["camera"] == "정문"
    assert client.indices.get_mapping(index="events")["events"]["mappings"]["properties"]["camera"]["type"] == "keyword"
    for write in (
        lambda: client.index(index="events", document={}),
        lambda: client.delete(index="events", id=f"{1:032x}"),
        lambda: client.indices.delete(index="events"),
        lambda: client.indices.put_mapping(index="events", properties={"x": {"type": "long"}}),
        lambda: client.delete_by_query(index="events", query={"match_all": {}}),
    ):
        with pytest.raises(elasticsearch.AuthorizationException, match="cluster_block_exception"):
            write()
    assert client.count(index="events")["count"] == 3


def test_delete_by_query_and_refresh(client: Elasticsearch) -> None:
    helpers.bulk(client, [{"_index": "notes", "_id": str(n), "count": n} for n in range(1500)])
    client.indices.refresh(index="notes")
    assert client.delete_by_query(index="notes", query={"range": {"count": {"lt": 1200}}})["deleted"] == 1200
    assert client.count(index="notes")["count"] == 300


def test_templates_shape_new_indices(client: Elasticsearch) -> None:
    client.indices.put_index_template(name="logs", index_patterns=["logs-*"], template={"mappings": MAPPINGS})
    client.index(index="logs-1", document={"name": "a b", "count": "3"})
    assert client.count(index="logs-1", query={"term": {"name": "a b"}})["count"] == 1
    assert client.indices.get_index_template(name="logs")["index_templates"][0]["name"] == "logs"
    client.indices.delete_index_template(name="logs")
    with pytest.raises(elasticsearch.NotFoundError):
        client.indices.get_index_template(name="logs")


def test_the_list_of_indices(client: Elasticsearch) -> None:
    client.index(index="notes", document={})
    rows = client.cat.indices(format="json")
    assert {row["index"]: row["docs.count"] for row in rows} == {"events": "3", "notes": "1"}
    text = client.cat.indices(v=True, h="index,docs.count").body
    assert text.splitlines()[0].split() == ["index", "docs.count"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"fuzzy": {"camera": "gat"}}, "fuzzy"),
        ({"match": {"text": {"query": "x", "fuzziness": "AUTO"}}}, "fuzziness"),
        ({"script_score": {}}, "script_score"),
        ({"range": {"start.time": {"gte": "someday"}}}, "someday"),
        ({"bool": {"must_be": []}}, "must_be"),
        ({"term": {"box": 1}}, "box"),
    ],
)
def test_what_is_not_supported_is_named(client: Elasticsearch, query: dict, named: str) -> None:
    with pytest.raises(elasticsearch.BadRequestError) as caught:
        client.search(index="events", query=query)
    assert named in caught.value.body["error"]["reason"]


def test_parts_of_the_api_that_are_missing_say_so(client: Elasticsearch) -> None:
    with pytest.raises(elasticsearch.ApiError, match="no handler found"):
        client.cluster.state()
    with pytest.raises(elasticsearch.BadRequestError, match="routing"):
        client.index(index="notes", document={}, routing="x")
    with pytest.raises(elasticsearch.BadRequestError, match="update"):
        client.bulk(operations=[{"update": {"_index": "notes", "_id": "1"}}, {"doc": {}}])
