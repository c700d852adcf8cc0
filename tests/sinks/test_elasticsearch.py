from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from pydantic import ValidationError

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.sinks import Sink
from sidekick.sinks.elasticsearch import Config, open_sink
from tests.servers.process import free_ports
from tests.sinks.conform_elasticsearch import ElasticsearchStand, open_stand
from tests.sinks.conformance import envelope, identity
from tests.sinks.http_stand import Got, HttpStand, http_stand

PRODUCT = {"X-Elastic-Product": "Elasticsearch"}


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[ElasticsearchStand]:
    async with open_stand(tmp_path) as found:
        yield found


def opened(stand: ElasticsearchStand, **keys: Any) -> Any:
    return open_sink(Config.model_validate({**stand.keys, **keys}))


def created(got: Got) -> web.Response:
    """What a cluster says that creates everything and has all that we ask for."""
    count = got.body.count(b"\n") // 2
    items = [{"create": {"status": 201}}] * count
    return web.json_response({"errors": False, "items": items}, headers=PRODUCT)


@asynccontextmanager
async def against(stand: HttpStand, **keys: Any) -> AsyncIterator[Sink]:
    async with open_sink(Config.model_validate({"urls": [stand.url], **keys})) as sink:
        yield sink


@pytest.mark.servers
class TestARealNode:
    @pytest.mark.parametrize("rotate", ["daily", "data_stream"])
    async def test_keeps_one_of_an_alert_that_is_sent_again(
        self, stand: ElasticsearchStand, rotate: str
    ) -> None:
        async with opened(stand, rotate=rotate) as sink:
            await sink.send([envelope(n) for n in range(3)])
            await sink.send([envelope(n) for n in range(5)])

        found = await stand.documents(f"{stand.index}*")
        assert [one["uuid"] for one in found] == [identity(n) for n in range(5)]
        assert found[0]["@timestamp"] == "2023-11-14T22:13:20.000000000Z"

    async def test_keeps_the_others_when_it_refuses_one(self, stand: ElasticsearchStand) -> None:
        mappings = {"properties": {"output_fields": {"properties": {"n": {"type": "long"}}}}}
        await stand.ask("PUT", f"/{stand.index}", {"mappings": mappings})
        batch = [envelope(0), envelope(1, fields={"n": "no number"}), envelope(2)]

        async with opened(stand, setup=False) as sink:
            with pytest.raises(PartlyDelivered) as caught:
                await sink.send(batch)

        (failed,) = caught.value.failed.items()
        assert failed[0] == 1
        assert isinstance(failed[1], Rejected)
        assert "document_parsing_exception" in str(failed[1])
        assert {one["uuid"] for one in await stand.documents()} == {identity(0), identity(2)}

    async def test_has_few_fields_however_many_the_alerts_have(
        self, stand: ElasticsearchStand
    ) -> None:
        fields = [{f"field{n}.{i}": "x" * 100 for i in range(20)} for n in range(50)]
        fields[0]["long"] = "x" * 40_000

        async with opened(stand) as sink:
            await sink.send([envelope(n, fields=f) for n, f in enumerate(fields)])
            await sink.send([envelope(99, fields={"fd": {"name": "/etc/shadow"}, "fd.name": 1})])

        assert len(await stand.documents()) == 51
        mapping = await stand.ask("GET", f"/{stand.index}/_mapping")
        assert len(mapping[stand.index]["mappings"]["properties"]) < 15

    async def test_finds_alerts_by_the_value_of_a_field(self, stand: ElasticsearchStand) -> None:
        async with opened(stand) as sink:
            await sink.send([envelope(n, fields={"proc.name": f"sh{n}"}) for n in range(3)])
        await stand.documents()

        found = await stand.ask("GET", f"/{stand.index}/_search?q=output_fields.proc.name:sh1")

        assert [hit["_id"] for hit in found["hits"]["hits"]] == [identity(1)]

    async def test_without_lifecycles_is_set_up_all_the_same(
        self, stand: ElasticsearchStand, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with opened(stand, rotate="data_stream", keep="30d") as sink:
            await sink.send([envelope(0)])

        assert await stand.documents()
        assert "no lifecycle management" in caplog.text

    async def test_is_set_up_later_when_that_fails_at_first(
        self, stand: ElasticsearchStand
    ) -> None:
        async with opened(stand) as sink:
            async with stand.fault("503"):
                with pytest.raises(Retryable, match=r"cannot set up the index template sidekick-"):
                    await sink.send([envelope(0)])
            await sink.send([envelope(0)])

        found = await stand.ask("GET", f"/_index_template/sidekick-{stand.index}")
        assert found["index_templates"]

    async def test_takes_compressed_requests(self, stand: ElasticsearchStand) -> None:
        async with opened(stand, urls=[stand.server], gzip=True) as sink:
            await sink.send([envelope(n) for n in range(300)])

        assert len(await stand.documents()) == 300

    async def test_takes_a_request_of_several_mebibytes(self, stand: ElasticsearchStand) -> None:
        fields = {"proc.cmdline": "x" * 8000}

        async with opened(stand, urls=[stand.server]) as sink:
            await sink.send([envelope(n, fields=fields) for n in range(500)])

        assert len(await stand.documents()) == 500

    async def test_is_found_when_other_nodes_are_gone(self, stand: ElasticsearchStand) -> None:
        gone = [f"http://127.0.0.1:{port}" for port in free_ports(2)]

        async with opened(stand, urls=[*gone, stand.proxy.url]) as sink:
            for n in range(4):
                await sink.send([envelope(n)])

        assert len(await stand.documents()) == 4


async def test_an_api_key_is_sent() -> None:
    async with http_stand(created) as stand, against(stand, api_key="a2V5") as sink:
        await sink.send([envelope(0)])

    assert stand.got[0].headers["Authorization"] == "ApiKey a2V5"


async def test_a_name_and_a_password_are_sent() -> None:
    async with http_stand(created) as stand, against(stand, user="u", password="pä") as sink:
        await sink.send([envelope(0)])

    assert stand.got[0].headers["Authorization"] == "Basic dTpww6Q="


async def test_an_own_authority_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async with http_stand(created, context) as stand:
        async with against(stand, tls={"ca_file": tmp_path / "ca.pem"}) as sink:
            await sink.send([envelope(0)])
        async with against(stand) as sink:
            with pytest.raises(Retryable, match="CERTIFICATE_VERIFY_FAILED"):
                await sink.send([envelope(1)])

    assert len(stand.got) == 1


async def test_a_pipeline_is_named_in_the_request() -> None:
    async with http_stand(created) as stand, against(stand, pipeline="geo") as sink:
        await sink.send([envelope(0)])

    assert stand.got[0].path.endswith("&pipeline=geo")


async def test_a_lifecycle_policy_is_named_in_the_template() -> None:
    keys = {"setup": True, "rotate": "data_stream", "keep": "7d", "index": "a", "replicas": 0}
    async with http_stand(created) as stand, against(stand, **keys) as sink:
        await sink.send([envelope(0)])
        await sink.send([envelope(1)])

    policy, template, *bulks = stand.got
    assert (policy.path, template.path) == (
        "/_ilm/policy/sidekick-a",
        "/_index_template/sidekick-a",
    )
    assert b'"delete":{"min_age":"604800s"' in policy.body
    assert (
        b'"rollover":{"max_age":"2592000s","max_primary_shard_size":"50000000000b"}' in policy.body
    )
    assert b'"index.lifecycle.name":"sidekick-a"' in template.body
    assert len(bulks) == 2


async def test_dated_indices_need_a_policy_only_to_be_deleted() -> None:
    async with http_stand(created) as stand:
        for keep in ("0s", "1d"):
            async with against(stand, setup=True, keep=keep) as sink:
                await sink.send([envelope(0)])

    paths = [got.path.split("?")[0] for got in stand.got]
    assert paths.count("/_ilm/policy/sidekick-sidekick") == 1
    assert b"rollover" not in stand.got[2].body


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (413, Rejected), (401, Retryable), (403, Retryable), (404, Retryable)],
)
async def test_the_status_of_a_request_tells_whether_it_may_succeed_later(
    status: int, kind: type[Exception]
) -> None:
    def refuse(got: Got) -> web.Response:
        error = {"type": "some_exception", "reason": "key a2V5a2V5 is not welcome"}
        return web.json_response({"error": error}, status=status)

    async with http_stand(refuse) as stand, against(stand, api_key="a2V5a2V5") as sink:
        with pytest.raises(kind) as caught:
            await sink.send([envelope(0)])

    assert str(caught.value) == f"answered {status}: some_exception: key *** is not welcome"


async def test_an_alert_that_is_refused_for_now_may_be_sent_later() -> None:
    def busy(got: Got) -> web.Response:
        items = [{"create": {"status": 201}}, {"create": {"status": 429}}]
        return web.json_response({"errors": True, "items": items}, headers=PRODUCT)

    async with http_stand(busy) as stand, against(stand) as sink:
        with pytest.raises(PartlyDelivered) as caught:
            await sink.send([envelope(0), envelope(1)])

    assert [(i, type(e)) for i, e in caught.value.failed.items()] == [(1, Retryable)]


async def test_a_server_that_is_no_elasticsearch_is_refused() -> None:
    def other(got: Got) -> web.Response:
        return web.json_response({"errors": False, "items": []})

    async with http_stand(other) as stand, against(stand) as sink:
        with pytest.raises(Retryable, match="OpenSearch is not supported"):
            await sink.send([envelope(0)])
        with pytest.raises(Retryable, match="OpenSearch is not supported"):
            await sink.probe()


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"errors":false,"items":[]}', b"{", b""])
async def test_an_answer_that_makes_no_sense_is_no_delivery(body: bytes) -> None:
    def nonsense(got: Got) -> web.Response:
        return web.Response(body=body, content_type="application/json", headers=PRODUCT)

    async with http_stand(nonsense) as stand, against(stand) as sink:
        with pytest.raises(Retryable):
            await sink.send([envelope(0)])


@pytest.mark.parametrize(
    ("status", "fails"), [(200, False), (403, False), (401, True), (503, True)]
)
async def test_a_probe_fails_when_the_credentials_or_the_cluster_do(
    status: int, fails: bool
) -> None:
    def answer(got: Got) -> web.Response:
        return web.Response(status=status, headers=PRODUCT)

    expected = pytest.raises(Retryable, match=f"answered {status}") if fails else nullcontext()
    async with http_stand(answer) as stand, against(stand) as sink:
        with expected:
            await sink.probe()


@pytest.mark.parametrize(
    "keys",
    [
        {"urls": []},
        {"urls": ["https://user:secret@es:9200"]},
        {"index": "Upper"},
        {"index": ".."},
        {"index": "a/b"},
        {"rotate": "hourly"},
        {"pipeline": "a&b"},
        {"user": "u", "api_key": "k"},
    ],
)
def test_settings_that_cannot_work_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"urls": ["http://es:9200"], **keys})


def test_a_url_without_port_has_the_port_of_its_scheme() -> None:
    from sidekick.sinks.elasticsearch import _addresses

    assert _addresses(["https://es", "http://[::1]/path", "http://es:9200", "https://es"]) == [
        "https://es:443",
        "http://[::1]:80/path",
        "http://es:9200",
    ]
