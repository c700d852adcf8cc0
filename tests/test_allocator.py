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
