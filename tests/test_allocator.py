from __future__ import annotations

import subprocess
import sys

import pytest

ARENAS = """
import re, sys, threading
from sidekick.allocator import use_one_arena
if sys.argv[1] == "one":
    use_one_arena()
there, go_on = threading.Barrier(5), threading.Event()
def work():
    kept = [bytes(5000) for _ in range(100)]
    there.wait()
    go_on.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
there.wait()
maps = open("/proc/self/maps").read()
starts = re.findall(r"^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", maps, re.M)
print(sum(int(start, 16) % 2**26 == 0 for start in starts))  # where glibc puts an arena
go_on.set()
"""


@pytest.mark.parametrize(("wish", "arenas"), [("one", {0}), ("", {1, 2, 3, 4})])
def test_threads_share_the_heap(wish: str, arenas: set[int]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ARENAS, wish], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) in arenas


HELD = """
import os
from sidekick.allocator import give_back, use_one_arena
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
use_one_arena()
kept = [bytes(5000) for _ in range(4000)]
last = bytes(5000)
kept.clear()
before = resident()
give_back()
print(before - resident())
"""


def test_what_is_free_goes_back_to_the_system() -> None:
    ran = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 15_000_000
