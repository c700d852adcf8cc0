from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.sensor.process import Process
from sidekick.sensor.processes import Processes
from sidekick.sensor.record import Kind
from tests.sensor.records import Header, Record, exec_record, exit_record, fork_record

TICK = 10_000_000


def nobody(_: int) -> None:
    return None


def table(*processes: Process, **of: int) -> Processes:
    known = {process.pid: replace(process) for process in processes}
    found = Processes(read=nobody, **of)
    found._read = known.get
    found.scan(known)
    found._read = nobody
    return found


INIT = Process(1, 0, comm="systemd")
SHELL = Process(50, 1_000_000_000, ppid=1, comm="bash", argv=b"-bash", sid=50, cwd="/root")
SHELL_HEADER = Header(pid=50, tid=50, ppid=1, start_ns=1_000_000_000, sid=50, comm=b"bash")
CHILD = Header(pid=100, tid=100, ppid=50, start_ns=9_500_000_000, sid=50, comm=b"bash")


def shell_with_child() -> Processes:
    found = table(INIT, SHELL)
    found.forked(fork_record(SHELL_HEADER, 100))
    return found


def test_a_child_has_what_its_parent_has() -> None:
    child = shell_with_child().get(100)
    assert child is not None
    assert (child.comm, child.argv, child.cwd, child.sid) == ("bash", b"-bash", "/root", 50)
    assert (child.ppid, child.start_ns, child.vpid) == (50, 9_500_000_000, 100)


def test_an_exec_makes_another_program_of_it() -> None:
    processes = shell_with_child()
    record = exec_record(b"/bin/cat\0-n\0/etc/shadow", ppid=50, start_ns=9_500_000_000, cwd=b"/tmp")
    found = processes.executed(record)
    assert found is processes.get(100)
    assert (found.comm, found.exe, found.args) == ("cat", "/bin/cat", "-n /etc/shadow")
    assert (found.cmdline, found.exepath, found.cwd) == (
        "cat -n /etc/shadow",
        "/bin/cat",
        "/tmp",
    )
    assert processes.missed == 0


def test_ancestors_are_the_parent_and_all_above() -> None:
    processes = shell_with_child()
    child = processes.of(CHILD)
    assert [process.comm for process in processes.ancestors(child)] == ["bash", "systemd"]


def test_a_thread_is_no_process() -> None:
    processes = shell_with_child()
    processes.forked(fork_record(SHELL_HEADER, 50, child_tid=51))
    assert len(processes) == 3
    processes.exited(exit_record(replace(SHELL_HEADER, tid=51), last=0))
    assert not processes.of(SHELL_HEADER).ended


def test_a_thread_that_names_itself_does_not_name_its_process() -> None:
    processes = shell_with_child()
    parts = {"target_pid": 50, "target_tid": 51, "name": b"worker"}
    processes.renamed(Record("prctl", Kind.RENAME, SHELL_HEADER, parts=parts))
    assert processes.of(SHELL_HEADER).comm == "bash"
    processes.renamed(Record("prctl", Kind.RENAME, SHELL_HEADER, parts={**parts, "target_tid": 50}))
    assert processes.get(50).comm == "worker"  # type: ignore[union-attr]


def test_orphans_go_to_the_reaper_and_keep_their_ancestors_above() -> None:
    processes = shell_with_child()
    grandchild = replace(CHILD, pid=200, tid=200, ppid=100, start_ns=9_600_000_000)
    processes.forked(fork_record(CHILD, 200, 9_600_000_000))
    processes.exited(exit_record(CHILD, reaper=1))
    child = processes.of(replace(grandchild, ppid=1))
    assert [process.comm for process in processes.ancestors(child)] == ["systemd"]


def test_a_parent_is_known_for_a_while_after_its_end() -> None:
    processes = shell_with_child()
    processes.exited(exit_record(CHILD))
    late = processes.of(CHILD)
    assert late.ended
    assert late.argv == b"-bash"


def test_those_that_ended_leave_when_newer_ones_have_ended() -> None:
    processes = table(INIT, SHELL, linger=2)
    for pid in range(100, 110):
        header = replace(CHILD, pid=pid, tid=pid)
        processes.forked(fork_record(SHELL_HEADER, pid))
        processes.exited(exit_record(header))
    assert len(processes) == 4
    assert processes.get(50).children == {108, 109}  # type: ignore[union-attr]


def test_a_number_that_is_used_again_is_another_process() -> None:
    processes = shell_with_child()
    processes.executed(exec_record(b"nc", ppid=50, start_ns=9_500_000_000))
    again = processes.of(replace(CHILD, start_ns=9_900_000_000, comm=b"sleep"))
    assert again.comm == "sleep"
    assert again.argv is None
    assert processes.missed == 1


def test_what_was_missed_is_looked_up() -> None:
    seen = Process(100, 9_500_000_000, ppid=50, exact=False, comm="vi", argv=b"vi\0a")
    processes = Processes(read={100: seen}.get)
    found = processes.of(CHILD)
    assert (found.args, found.exact, found.start_ns) == ("a", True, CHILD.start_ns)
    assert processes.missed == 1


NOW = Process(50, 1_000_000_000, ppid=1, exact=False, comm="nc", argv=b"nc\0-l", exepath="/bin/nc")


def test_after_a_loss_each_is_looked_up_once_as_it_may_be_another_program() -> None:
    processes = shell_with_child()
    looked_up = []
    processes._read = lambda pid: looked_up.append(pid) or NOW  # type: ignore[func-returns-value]
    assert processes.of(SHELL_HEADER).cmdline == "bash"
    processes.doubt()
    for _ in range(3):
        found = processes.of(SHELL_HEADER)
    assert (found.args, found.exepath, found.start_ns) == ("-l", "/bin/nc", SHELL_HEADER.start_ns)
    assert looked_up == [50]


def test_after_a_loss_an_ancestor_is_looked_up_too() -> None:
    processes = shell_with_child()
    processes._read = {50: NOW}.get
    processes.doubt()
    parent = processes.parent(processes.of(CHILD))
    assert parent is not None
    assert parent.cmdline == "nc -l"


@pytest.mark.parametrize(
    "now", [None, replace(NOW, argv=b""), replace(NOW, start_ns=2_000_000_000)]
)
def test_after_a_loss_what_is_known_stays_if_nothing_better_is_found(now: Process | None) -> None:
    processes = shell_with_child()
    processes._read = lambda _: now
    processes.doubt()
    assert processes.of(SHELL_HEADER).argv == b"-bash"


def test_proc_is_not_believed_about_another_process_of_that_number() -> None:
    other = Process(100, 9_500_000_000 + 5 * TICK, exact=False, argv=b"vi")
    found = Processes(read={100: other}.get).of(CHILD)
    assert found.argv is None
    assert found.comm == "bash"


def test_what_proc_told_at_the_start_is_the_process_that_records_name() -> None:
    scanned = Process(100, 9_490_000_000, ppid=50, exact=False, comm="vi", argv=b"vi")
    processes = table(scanned)
    assert processes.of(CHILD).argv == b"vi"
    assert processes.missed == 0


def test_a_record_corrects_the_parent() -> None:
    processes = shell_with_child()
    processes.of(replace(CHILD, ppid=1))
    assert processes.get(1).children == {50, 100}  # type: ignore[union-attr]
    assert processes.get(50).children == set()  # type: ignore[union-attr]


def test_the_session_leader_leads_also_grandchildren() -> None:
    processes = shell_with_child()
    assert processes.session_leader(processes.of(CHILD)).comm == "bash"  # type: ignore[union-attr]


def test_without_its_leader_the_eldest_of_a_session_stands_for_it() -> None:
    processes = table(INIT, Process(60, 0, ppid=1, comm="old", sid=7), linger=1)
    header = replace(CHILD, ppid=60, sid=7)
    assert processes.session_leader(processes.of(header)).comm == "old"  # type: ignore[union-attr]


def test_the_table_is_bounded_and_the_oldest_leave() -> None:
    processes = Processes(limit=10, read=nobody)
    for pid in range(1, 101):
        processes.of(replace(CHILD, pid=pid, tid=pid, ppid=0))
    assert len(processes) == 10
    assert processes.evicted == 90


def test_who_is_not_there_is_looked_up_once_until_the_next_sweep() -> None:
    asked: list[int] = []

    def read(pid: int) -> Process | None:
        asked.append(pid)
        return replace(SHELL) if len(asked) > 1 else None

    processes = Processes(read=read)
    assert processes.get(50) is None
    assert processes.get(50) is None
    assert asked == [50]
    processes.sweep(1, lambda _: True)
    assert processes.get(50) is not None


def test_a_sweep_lets_go_of_those_whose_end_was_missed() -> None:
    processes = table(INIT, SHELL, linger=0)
    processes.sweep(10, lambda pid: pid == 1)
    processes.sweep(10, lambda pid: pid == 1)
    assert len(processes) == 1


def test_a_circle_of_parents_is_not_walked_for_ever() -> None:
    processes = table(Process(5, 0, ppid=6), Process(6, 0, ppid=5))
    found = processes.get(5)
    assert found is not None
    assert len(list(processes.ancestors(found))) <= 128


@pytest.mark.parametrize(
    ("argv", "exe", "args"),
    [
        (b"", "", ""),
        (b"ls", "ls", ""),
        (b"ls\0-l\0/tmp", "ls", "-l /tmp"),
        (b"sh\0-c\0a b", "sh", "-c a b"),
        (b"x\0\0y", "x", " y"),
        (b"\xff\0\xfe", "�", "�"),
    ],
)
def test_the_parts_of_an_argument_vector(argv: bytes, exe: str, args: str) -> None:
    process = Process(1, 0, comm="c", argv=argv)
    assert (process.exe, process.args) == (exe, args)
    assert process.cmdline == (f"c {args}" if args else "c")


def test_variables_are_found_by_their_whole_name() -> None:
    process = Process(1, 0, env=b"XPATH=no\0PATH=/bin=x\0EMPTY=")
    assert process.variable("PATH") == "/bin=x"
    assert process.variable("EMPTY") == ""
    assert process.variable("ATH") is None
    assert Process(1, 0).variable("PATH") is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["fork", "exec", "exit", "event"]), st.integers(1, 6), st.integers(1, 6)
    ),
    max_size=60,
)


@given(steps)
def test_whatever_comes_in_whatever_order_the_table_stays_whole(
    found: list[tuple[str, int, int]],
) -> None:
    processes = Processes(limit=5, read=nobody, linger=2)
    for step, pid, other in found:
        header = Header(pid=pid, tid=pid, ppid=other, start_ns=pid)
        match step:
            case "fork":
                processes.forked(fork_record(header, other, other))
            case "exec":
                processes.executed(exec_record(b"a", pid=pid, ppid=other, start_ns=pid))
            case "exit":
                processes.exited(exit_record(header, reaper=other))
            case _:
                list(processes.ancestors(processes.of(header)))
    assert len(processes) <= 5
    for process in processes._known.values():
        for pid in process.children or ():
            assert processes._known[pid].ppid == process.pid
