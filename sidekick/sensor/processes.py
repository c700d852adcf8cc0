"""The table of processes: who is whose child, and what each was started with.

It is fed by the kernel's records and, for what was there before or was missed, by ``/proc``. It is
bounded: beyond its limit the one that was entered first leaves, and is read again if asked for.
When records were lost, nobody knows which process became another program meanwhile: each is looked
up in ``/proc`` once more when it is next asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from sidekick.sensor import procfs
from sidekick.sensor.process import Process
from sidekick.sensor.record import Header, Record, text_of, vector

_LINGER = 512
"""So many processes are remembered after their end, for records that come a little late."""

_ABSENT = 1024

_DEEPEST = 128
"""Generations; a table with a fault in it must not be walked for ever."""

Read = Callable[[int], Process | None]


class Processes:
    """Processes by their id. ``missed`` counts those that had to be looked up in ``/proc``,
    ``evicted`` those that left for want of room."""

    def __init__(
        self, *, limit: int = 32_768, read: Read = procfs.read_process, linger: int = _LINGER
    ) -> None:
        self._limit = limit
        self._read = read
        self._linger = linger
        self._known: dict[int, Process] = {}
        self._ended: deque[Process] = deque()
        self._sweeping: Iterator[int] = iter(())
        self._absent: set[int] = set()
        """Those that ``/proc`` did not have since the last sweep: a parent that is gone, or that
        another namespace hides, is asked for with each event of its child."""
        self._doubts = 0
        self.missed = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._known)

    def scan(self, pids: Iterable[int]) -> None:
        """Enter the processes that are there already."""
        for pid in pids:
            if pid not in self._known and (found := self._read(pid)):
                self._enter(found)

    def sweep(self, count: int, exists: Callable[[int], bool]) -> None:
        """Look at the next ``count`` processes, and let go of those whose end was missed."""
        self._absent.clear()
        for _ in range(count):
            pid = next(self._sweeping, None)
            if pid is None:
                self._sweeping = iter(tuple(self._known))
                return
            if (found := self._known.get(pid)) and not found.ended and not exists(pid):
                self._end(found, 0)

    def doubt(self) -> None:
        """Records were lost: what is known may be of before."""
        self._doubts += 1

    # -- what records tell -------------------------------------------------------------------

    def forked(self, record: Record) -> None:
        """A process was made; a thread of one changes nothing here."""
        pid = record["child_pid"]
        if pid != record["child_tid"]:
            return
        header = record.header
        child = self.of(header).forked(pid, record["child_start_ns"])
        child.vpid = record["child_vpid"] or pid
        child.comm = text_of(header.comm)
        child.pidns_start_ns = record["pid_ns_start_ns"] or child.pidns_start_ns
        self._enter(child)

    def executed(self, record: Record) -> Process:
        """A process became another program; gives it as it is now."""
        process = self.of(record.header)
        process.comm = text_of(record.header.comm)
        process.argv = vector(record["args"] or b"")
        process.env = vector(record["env"] or b"")
        process.exepath = text_of(record["path"] or b"")
        if record.cwd:
            process.cwd = text_of(record.cwd)
        process.exe_ino = record["ino"] or 0
        process.exe_ctime_ns = record["ctime_ns"] or 0
        process.exe_mtime_ns = record["mtime_ns"] or 0
        process.exe_flags = record["flags"] or 0
        process.pidns_start_ns = record["pid_ns_start_ns"] or process.pidns_start_ns
        return process

    def exited(self, record: Record) -> None:
        """A thread ended; with the last one its process."""
        if not record["last"]:
            return
        found = self._known.get(record.header.pid)
        if found and _is(found, record.header.start_ns):
            self._end(found, record["reaper_pid"] or 0)

    def renamed(self, record: Record) -> None:
        """A thread has another name; that of the first one is the process's."""
        pid = record["target_pid"] or record.header.pid
        if pid == (record["target_tid"] or record.header.tid) and (found := self._known.get(pid)):
            found.comm = text_of(record["name"] or b"")

    # -- questions ---------------------------------------------------------------------------

    def of(self, header: Header) -> Process:
        """The process that a record is of; never fails, though little may be known of it."""
        found = self._known.get(header.pid)
        if found is None or not _is(found, header.start_ns):
            found = self._missed(header)
        elif found.checked != self._doubts:
            self._check(found)
        if header.ppid != found.ppid:
            self._adopt(found, header.ppid)
        found.tty, found.sid, found.pgid = header.tty, header.sid, header.pgid
        found.vpid, found.vpgid = header.vpid, header.vpgid
        if header.tid == header.pid:
            found.comm = text_of(header.comm)
        return found

    def get(self, pid: int) -> Process | None:
        """A process by its id, looked up in ``/proc`` if it is not known."""
        found = self._known.get(pid)
        if found is None and pid > 0 and pid not in self._absent:
            if found := self._read(pid):
                self.missed += 1
                self._enter(found)
            elif len(self._absent) < _ABSENT:
                self._absent.add(pid)
        elif found and found.checked != self._doubts:
            self._check(found)
        return found

    def has_children(self, pid: int) -> bool:
        """Is it, as far as is known, an ancestor of others?"""
        found = self._known.get(pid)
        return found is not None and bool(found.children)

    def parent(self, process: Process) -> Process | None:
        """Its parent; None for the first process and those whose parent nobody knows."""
        return self.get(process.ppid) if process.ppid > 0 else None

    def ancestors(self, process: Process) -> Iterator[Process]:
        """Its parent, its parent's parent, and so on."""
        for _ in range(_DEEPEST):
            above = self.parent(process)
            if above is None or above is process:
                return
            yield above
            process = above

    def session_leader(self, process: Process) -> Process | None:
        """Who leads its session, or the eldest of its ancestors in it."""
        leader = self.get(process.sid) if process.sid > 0 else None
        if leader is not None and leader.sid == process.sid:
            return leader
        eldest = process
        for above in self.ancestors(process):
            if above.sid != process.sid:
                break
            eldest = above
        return eldest

    # -- the table ---------------------------------------------------------------------------

    def _missed(self, header: Header) -> Process:
        self.missed += 1
        found = self._read(header.pid)
        if found is None or not procfs.same_start(header.start_ns, found.start_ns):
            found = Process(header.pid, header.start_ns, comm=text_of(header.comm))
            if parent := self._known.get(header.ppid):
                # All that a child has of its parent, as long as it did not become another program.
                found.cwd = parent.cwd
        found.ppid, found.start_ns, found.exact = header.ppid, header.start_ns, True
        self._enter(found)
        return found

    def _check(self, process: Process) -> None:
        process.checked = self._doubts
        now = None if process.ended else self._read(process.pid)
        # Without a command line it is ending, and knows less of itself than we do.
        if now is not None and now.argv and procfs.same_start(process.start_ns, now.start_ns):
            process.is_now(now)

    def _enter(self, process: Process) -> None:
        process.checked = self._doubts
        old = self._known.pop(process.pid, None)
        if old is not None:
            self._leave_parent(old)
        self._known[process.pid] = process
        self._join_parent(process)
        if len(self._known) > self._limit:
            self._forget(next(iter(self._known.values())))
            self.evicted += 1

    def _adopt(self, process: Process, ppid: int) -> None:
        self._leave_parent(process)
        process.ppid = ppid
        self._join_parent(process)

    def _join_parent(self, process: Process) -> None:
        if parent := self._known.get(process.ppid):
            if parent.children is None:
                parent.children = set()
            parent.children.add(process.pid)

    def _leave_parent(self, process: Process) -> None:
        parent = self._known.get(process.ppid)
        if parent and parent.children:
            parent.children.discard(process.pid)

    def _end(self, process: Process, reaper: int) -> None:
        for pid in tuple(process.children or ()):
            child = self._known.get(pid)
            if child and child.ppid == process.pid:
                self._adopt(child, reaper or 1)
        process.ended = True
        self._ended.append(process)
        if len(self._ended) > self._linger:
            last = self._ended.popleft()
            if self._known.get(last.pid) is last:
                self._forget(last)

    def _forget(self, process: Process) -> None:
        del self._known[process.pid]
        self._leave_parent(process)


def _is(process: Process, start_ns: int) -> bool:
    """Is it the process that began then?"""
    if process.exact:
        return process.start_ns == start_ns
    if not procfs.same_start(start_ns, process.start_ns):
        return False
    process.start_ns, process.exact = start_ns, True
    return True
