"""One suite over every sink type; a new type brings only its stand (see ``conformance``)."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from sidekick.errors import DeliveryError, PartlyDelivered, Retryable
from sidekick.model import Envelope
from sidekick.settings.schema import docstrings
from sidekick.sinks import Sink, SinkConfig, sink_module, sink_types
from tests.sinks.conformance import (
    FAULTS,
    THROTTLED_SECS,
    Stand,
    envelope,
    identity,
    stand_module,
    until,
)

TYPES = sink_types()
STANDS = {name: module for name in TYPES if (module := stand_module(name)) is not None}


def on_every_stand(*faults: str) -> pytest.MarkDecorator:
    """Run for every type that has a stand, and for each of the faults that it can have."""
    cases = [
        pytest.param(*(name, fault)[: 1 + bool(fault)], marks=module.MARKS)
        for name, module in STANDS.items()
        for fault in (faults or ("",))
        if fault not in module.LACKS
    ]
    return pytest.mark.parametrize(("type_name", "fault")[: 1 + bool(faults)], cases)


def open_sink(type_name: str, stand: Stand) -> Any:
    module = sink_module(type_name)
    config = module.Config.model_validate({"type": type_name, **stand.keys})
    return module.open_sink(config)


@asynccontextmanager
async def opened(type_name: str, folder: Path) -> AsyncIterator[tuple[Stand, Sink]]:
    async with STANDS[type_name].open_stand(folder) as stand, open_sink(type_name, stand) as sink:
        yield stand, sink


async def deliver(type_name: str, sink: Sink, envelopes: Sequence[Envelope]) -> None:
    """Send as the lane would, in batches of the type's own size."""
    size = sink_module(type_name).Config.model_fields["lane"].default.batch_items
    for at in range(0, len(envelopes), size):
        await sink.send(envelopes[at : at + size])


@pytest.mark.parametrize("type_name", TYPES)
def test_every_type_has_a_stand(type_name: str) -> None:
    module = stand_module(type_name)

    assert module is not None, f"write tests/sinks/conform_{type_name}.py"
    assert set(module.LACKS) <= set(FAULTS)


@on_every_stand()
async def test_alerts_arrive_whole_and_in_order(type_name: str, tmp_path: Path) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        await deliver(type_name, sink, [envelope(n) for n in range(5)])

        assert await stand.ids() == [identity(n) for n in range(5)]


@on_every_stand()
async def test_an_alert_sent_again_has_the_same_id(type_name: str, tmp_path: Path) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        await deliver(type_name, sink, [envelope(n) for n in range(3)])
        await deliver(type_name, sink, [envelope(n) for n in range(3)])

        arrived = await stand.ids()

    assert set(arrived) == {identity(n) for n in range(3)}
    if STANDS[type_name].KEEPS_ONE:
        assert len(arrived) == 3


@on_every_stand()
async def test_deliveries_at_the_same_time_all_arrive(type_name: str, tmp_path: Path) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        await asyncio.gather(*(sink.send([envelope(n)]) for n in range(8)))

        assert sorted(await stand.ids()) == [identity(n) for n in range(8)]


@on_every_stand("refusing", "failing", "throttling")
async def test_a_broken_destination_may_work_later(
    type_name: str, fault: str, tmp_path: Path
) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        await sink.send([envelope(0)])
        async with stand.fault(fault):
            error = await failure(sink, [envelope(1)])
        await until_sent(sink, [envelope(1)])

        assert isinstance(error, Retryable)
        assert error.after == (THROTTLED_SECS if fault == "throttling" else None)
        assert set(await stand.ids()) == {identity(0), identity(1)}


async def failure(sink: Sink, batch: Sequence[Envelope]) -> DeliveryError:
    """What sending raises; a sink that sees a dead connection only later gets a second try."""
    async with asyncio.timeout(20):
        while True:
            try:
                await sink.send(batch)
            except PartlyDelivered as partly:
                return next(iter(partly.failed.values()))
            except DeliveryError as error:
                return error


async def until_sent(sink: Sink, batch: Sequence[Envelope]) -> None:
    """Send until it works: a sink may need a moment to reconnect."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await sink.send(batch)
            except Retryable:
                await asyncio.sleep(0.05)


@on_every_stand(*FAULTS)
async def test_no_secret_is_told(
    type_name: str, fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = []
    caplog.set_level(logging.DEBUG)
    async with opened(type_name, tmp_path) as (stand, sink):
        told += [repr(sink), str(sink)]
        async with stand.fault(fault):
            try:
                async with asyncio.timeout(0.3):
                    await sink.send([envelope(1)])
            except (DeliveryError, TimeoutError) as error:
                told += [repr(error), str(error)]
        config = sink_module(type_name).Config.model_validate({"type": type_name, **stand.keys})
        told += [repr(config), str(config), config.model_dump_json(), caplog.text]

    for secret in stand.secrets:
        assert not [text for text in told if secret in text]


@on_every_stand("hanging")
async def test_a_delivery_can_be_cancelled(type_name: str, fault: str, tmp_path: Path) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        async with stand.fault(fault) as met:
            sending = asyncio.create_task(sink.send([envelope(1)]))
            async with asyncio.timeout(10):
                await met.wait()
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
        await until_sent(sink, [envelope(1)])

        assert set(await stand.ids()) == {identity(1)}


@on_every_stand()
async def test_nothing_is_left_running(type_name: str, tmp_path: Path) -> None:
    async with STANDS[type_name].open_stand(tmp_path) as stand:
        before = asyncio.all_tasks()
        async with open_sink(type_name, stand) as sink:
            await sink.send([envelope(0)])
        await until(lambda: asyncio.all_tasks() <= before)
    gc.collect()  # what was not closed warns now, and a warning fails the test


@on_every_stand()
async def test_a_probe_of_a_working_destination_succeeds(type_name: str, tmp_path: Path) -> None:
    async with opened(type_name, tmp_path) as (stand, sink):
        await sink.probe()

        assert await stand.ids() == []


@on_every_stand("refusing")
async def test_a_probe_of_a_dead_destination_says_so(
    type_name: str, fault: str, tmp_path: Path
) -> None:
    async with opened(type_name, tmp_path) as (stand, sink), stand.fault(fault):
        with pytest.raises(Retryable):
            await sink.probe()


@pytest.mark.parametrize("type_name", TYPES)
def test_the_example_is_an_instance_of_the_type(type_name: str) -> None:
    module = sink_module(type_name)
    text = re.sub(r"\$\{[^}]*\}", "https://secret.example/x", module.Config.example)

    config = module.Config.model_validate(yaml.safe_load(text))

    assert config.type == type_name
    assert inspect.getdoc(module), "the module says in a sentence what it is for"


@pytest.mark.parametrize("type_name", TYPES)
def test_unknown_keys_are_refused(type_name: str) -> None:
    module = sink_module(type_name)
    text = re.sub(r"\$\{[^}]*\}", "https://secret.example/x", module.Config.example)

    with pytest.raises(ValidationError, match="nonsense"):
        module.Config.model_validate(yaml.safe_load(text) | {"nonsense": 1})


@pytest.mark.parametrize("type_name", TYPES)
def test_every_key_is_described(type_name: str) -> None:
    assert not list(undescribed(sink_module(type_name).Config))


def undescribed(section: type[BaseModel]) -> Iterator[str]:
    """The keys without a docstring, those of the sections in it too."""
    described = docstrings(section)
    for name, info in section.model_fields.items():
        if name not in described and name != "type":
            yield f"{section.__name__}.{name}"
        inner = info.annotation
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            yield from undescribed(inner)


@pytest.mark.parametrize("type_name", TYPES)
def test_lane_keys_go_over_the_types_own_defaults(type_name: str) -> None:
    module = sink_module(type_name)
    text = re.sub(r"\$\{[^}]*\}", "https://secret.example/x", module.Config.example)
    keys = yaml.safe_load(text) | {"lane": {"attempts": 7}}
    own: SinkConfig = module.Config.model_validate(keys)

    assert own.lane == module.Config.model_fields["lane"].default.model_copy(update={"attempts": 7})
