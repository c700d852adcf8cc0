from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sidekick.sensor.cgroups import HOST
from sidekick.sensor.containers import ContainerInfo, Containers, Mount

ID = "ab" * 32
PATH = f"/docker/{ID}"


class Runtime:
    """Answers when it is let; raises while ``broken``."""

    def __init__(self, **infos: ContainerInfo) -> None:
        self.infos = infos
        self.asked: list[str] = []
        self.let = threading.Event()
        self.let.set()
        self.broken = False

    def inspect(self, container_id: str) -> ContainerInfo | None:
        self.asked.append(container_id)
        self.let.wait(10)
        if self.broken:
            raise OSError("it is gone")
        return self.infos.get(container_id)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def of(runtime: Runtime, pool: ThreadPoolExecutor, wait: float = 5, limit: int = 99) -> Containers:
    return Containers([runtime], pool, wait=wait, limit=limit, clock=time.monotonic)


def test_the_id_is_known_at_once_and_the_runtime_asked_once(pool: ThreadPoolExecutor) -> None:
    runtime = Runtime(**{ID: ContainerInfo(name="web")})
    containers = of(runtime, pool)
    assert containers.learn(7, PATH).id == ID
    assert containers.of(7).id == ID
    containers.learn(8, PATH)
    assert containers.info(ID) == ContainerInfo(name="web")
    assert runtime.asked == [ID]
    assert containers.path(7) == PATH


def test_what_nobody_named_is_the_host(pool: ThreadPoolExecutor) -> None:
    containers = of(Runtime(), pool)
    assert containers.of(1) == HOST
    assert containers.learn(1, "/system.slice/ssh.service") == HOST
    assert containers.info("") is None


def test_events_of_a_container_wait_no_longer_than_the_bound_in_all(
    pool: ThreadPoolExecutor,
) -> None:
    runtime = Runtime(**{ID: ContainerInfo(name="web")})
    runtime.let.clear()
    containers = of(runtime, pool, wait=0.05)
    containers.learn(7, PATH)
    began = time.monotonic()
    assert [containers.info(ID) for _ in range(50)] == [None] * 50
    assert time.monotonic() - began < 1
    assert containers.missing == 50
    runtime.let.set()
    pool.shutdown(wait=True)
    assert containers.info(ID) == ContainerInfo(name="web")


def test_events_of_all_containers_wait_in_vain_no_longer_than_a_share_of_the_time(
    pool: ThreadPoolExecutor,
) -> None:
    runtime = Runtime()
    runtime.let.clear()
    now = [0.0]
    containers = Containers([runtime], pool, wait=1, clock=lambda: now[0])
    waited: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        waited.append(timeout or 0.0)
        now[0] += waited[-1]
        return answers

    def wait_for(number: int) -> float:
        containers.learn(number, f"/docker/{number:064x}")
        containers._asked[f"{number:064x}"].answered.wait = wait  # type: ignore[method-assign]
        containers.info(f"{number:064x}")
        return waited[-1]

    answers = True
    found = [wait_for(number) for number in range(8, 12)]
    answers = False
    found += [wait_for(number) for number in range(4)]
    now[0] += 100
    found += [wait_for(number) for number in range(4, 7)]
    runtime.let.set()
    assert found == [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0]


def test_a_runtime_that_failed_is_asked_again(pool: ThreadPoolExecutor) -> None:
    runtime = Runtime(**{ID: ContainerInfo(name="web")})
    runtime.broken = True
    containers = of(runtime, pool)
    containers.learn(7, PATH)
    assert containers.info(ID) is None
    runtime.broken = False
    containers.ask_again()
    pool.shutdown(wait=True)
    assert containers.info(ID) == ContainerInfo(name="web")


def test_a_runtime_that_does_not_know_it_is_not_asked_for_ever(pool: ThreadPoolExecutor) -> None:
    runtime = Runtime()
    containers = of(runtime, pool)
    containers.learn(7, PATH)
    containers.info(ID)
    for _ in range(20):
        containers.ask_again(most=3)
    pool.shutdown(wait=True)
    assert len(runtime.asked) == 4


def test_the_next_runtime_is_asked_when_one_does_not_know_it(pool: ThreadPoolExecutor) -> None:
    broken = Runtime()
    broken.broken = True
    knows = Runtime(**{ID: ContainerInfo(name="web")})
    containers = Containers([broken, Runtime(), knows], pool, wait=5, clock=time.monotonic)
    containers.learn(7, PATH)
    assert containers.info(ID) == ContainerInfo(name="web")


def test_without_a_runtime_nobody_waits() -> None:
    containers = Containers(wait=60, clock=time.monotonic)
    containers.learn(7, PATH)
    assert containers.info(ID) is None
    assert containers.missing == 0


def test_what_is_remembered_is_bounded(pool: ThreadPoolExecutor) -> None:
    containers = of(Runtime(), pool, limit=10)
    for number in range(100):
        containers.learn(number, f"/docker/{number:064x}")
    assert len(containers._cgroups) == len(containers._paths) == len(containers._asked) == 10
    assert containers.of(99).id == f"{99:064x}"


def test_a_mount_as_text() -> None:
    assert str(Mount("/proc", "/host/proc", "ro", False, "rprivate")) == (
        "/proc:/host/proc:ro:false:rprivate"
    )
