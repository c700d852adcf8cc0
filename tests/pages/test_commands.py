"""Every command of the pages is typed, page by page from the top, and does what the page says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import cast

import pytest

from tests.ebpf.kernel import need_kernel
from tests.helm.chart import helm
from tests.helm.chart import program as helm_program
from tests.helm.definitions import install_definitions
from tests.pages.desk import Desk, desk, why_not
from tests.pages.typed import commands, is_complete, mentioned, pages, words
from tests.servers.compose import compose_program
from tests.servers.kubernetes import Kubernetes
from tests.servers.shared import SERVERS
from tests.test_docs import DOCUMENTS, ROOT, name_of

pytestmark = [pytest.mark.servers, pytest.mark.skipif(bool(why_not()), reason=why_not())]

_READERS = 2
_ONE_AT_A_TIME = Lock()
_ALERT = {
    "rule": "Terminal shell in container",
    "priority": "Notice",
    "time": "2026-01-02T03:04:05Z",
    "output": "A shell was spawned",
    "output_fields": {"container.id": "3fd1", "proc.name": "bash"},
}
_RULES = """\
- rule: Marked
  desc: Somebody wrote down a mark.
  condition: evt.type = execve and proc.args contains mark-7
  output: "%proc.cmdline"
  priority: NOTICE
"""
_FALCOSIDEKICK = """\
slack: {webhookurl: "http://127.0.0.1:9200/slack", minimumpriority: warning}
elasticsearch: {hostport: "http://elasticsearch:9200"}
"""
_FALCO = """\
rules_files: [falco_rules.yaml]
http_output: {enabled: true, url: "http://localhost:2801/"}
"""
_INSTEAD: Mapping[str, tuple[str, str]] = {
    "make run": ("sidekick run", "it would look after the .venv that runs this"),
    "make test": ("make -n test", "it is what runs this"),
    "make nightly": ("make -n nightly", "it takes hours"),
    "docker run -p 2801:2801 -e SLACK_WEBHOOKURL -v sidekick:/var/lib/sidekick sidekick": (
        "true",
        "there is no image here; tests/image/test_page.py runs it",
    ),
    "docker compose up": (
        "docker-compose config --quiet",
        "its images come from registries; test_compose_everywhere has the services themselves",
    ),
}
"""What is typed in place of a command, and why."""

_RUNS = re.compile(r"sidekick (hub|run|sensor|tail)\b(?!.*--(once|help))")
_ASKS = re.compile(r"sidekick (search|lanes|dead|silence|quarantine|replay|route|top|doctor)|curl")
"""What needs a hub; a page that starts none is about one that runs with its configuration."""
_READY: Mapping[str, str] = {
    "hub": "Lanes:",
    "run": "the sensor watches",
    "sensor": "the sensor watches",
    "tail": "",
}


class Reader:
    """Types the commands of one page; ``told`` has what each printed, or the file of what runs."""

    def __init__(self, page: Path, found: Desk, cluster: Callable[[], Kubernetes]) -> None:
        self._text = page.read_text()
        self._desk = found
        self._cluster = cluster
        self._has_hub = False
        self.told: dict[str, str | Path] = {}
        self._prepare()

    def _prepare(self) -> None:
        """The files that the page has its reader write, and those that a reader has."""
        folder = self._desk.folder
        settings = re.findall(r"^```yaml\n((?:sinks|sources):.*?)^```$", self._text, re.M | re.S)
        text = settings[0] if settings else "sinks: {}\n"
        (folder / "sidekick.yaml").write_text(text.replace("/etc/sidekick/audit", str(folder)))
        values = re.findall(r"^```yml\n# values.yaml\n(.*?)^```$", self._text, re.M | re.S)
        (folder / "values.yaml").write_text("".join(values))
        (folder / "falco_rules.yaml").write_text(_RULES)
        (folder / "alert.json").write_text(json.dumps(_ALERT))
        (folder / "falcosidekick.yaml").write_text(_FALCOSIDEKICK)
        (folder / "falco.yaml").write_text(_FALCO)
        event = {"kind": "Event", "auditID": "a", "verb": "get", "stage": "ResponseComplete"}
        (folder / "audit.log").write_text(json.dumps(event) + "\n")

    def types(self, command: str) -> str | Path:
        """Type one command as it is; a service goes on running."""
        typed = words(command.removeprefix("sudo "))
        if instead := _INSTEAD.get(" ".join(typed)):
            return self.types(instead[0])
        if typed[0] == "docker-compose":
            compose_program()
        plain = command.removeprefix("sudo ")
        if typed[0] in ("kubectl", "helm"):
            return self._in_the_cluster(typed[0], plain)
        if found := _RUNS.match(" ".join(typed)):
            return self._starts(plain, found[1])
        if _ASKS.match(" ".join(typed)) and not self._has_hub:
            self._starts("sidekick hub -c sidekick.yaml", "hub")
        return self._desk.types(plain)

    def _starts(self, command: str, kind: str) -> Path:
        if kind in ("run", "sensor"):
            need_kernel()
        if kind in ("hub", "run", "sensor"):  # on the ports that the last one had
            self._desk.stops_all()
            self._has_hub = kind != "sensor"
        if kind == "sensor":
            self._desk.has_a_hub_elsewhere()
        return self._desk.leaves_running(command, _READY[kind])

    def _in_the_cluster(self, name: str, command: str) -> str:
        cluster = self._cluster()
        if name == "kubectl" and not shutil.which("kubectl"):
            status, found = cluster.call("GET", "/api/v1/secrets")
            assert (command, status) == ("kubectl get secrets --all-namespaces", 200)
            return str(found)
        self._desk.environment["KUBECONFIG"] = str(cluster.kubeconfig())
        return self._desk.types(command, outside=True)

    def reads(self) -> None:
        """Type all of it."""
        for command in commands(self._text):
            self.told[command] = self.types(command)


@contextmanager
def _cluster() -> Iterator[Callable[[], Kubernetes]]:
    """The API server, for a page that speaks to it; it has the server alone until its end, when
    what was installed goes."""
    with ExitStack() as stack:
        started: list[Kubernetes] = []

        def found() -> Kubernetes:
            helm_program()
            if not started:
                stack.enter_context(_ONE_AT_A_TIME)
                started.append(SERVERS.kubernetes())
                install_definitions(started[0])
                configured = ("--kubeconfig", started[0].kubeconfig())
                stack.callback(helm, "uninstall", "sidekick", "--ignore-not-found", *configured)
            return started[0]

        yield found


def _read(page: Path, folder: Path) -> None:
    with desk(folder) as found, _cluster() as cluster:
        reader = Reader(page, found, cluster)
        reader.reads()

        assert set(reader.told) == set(commands(page.read_text()))
        if shows := _SHOWS.get(name_of(page)):
            shows(found, reader.told)


@pytest.fixture(scope="module")
def readings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Path, Future[None]]]:
    """All pages that tests ask for, read by two readers side by side."""
    wanted = [
        cast(Path, item.callspec.params["page"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_every_command_works
    ]
    readers = ThreadPoolExecutor(_READERS)
    try:
        yield {
            page: readers.submit(_read, page, tmp_path_factory.mktemp("page")) for page in wanted
        }
    finally:
        readers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_works(page: Path, readings: Mapping[Path, Future[None]]) -> None:
    readings[page].result()


def _first_minutes(found: Desk, told: Mapping[str, str | Path]) -> None:
    shown = told["sidekick search 'alert.priority >= notice' --since 1h"]
    assert "Terminal shell in container" in str(shown)


def _acts(found: Desk, told: Mapping[str, str | Path]) -> None:
    (log,) = [one for one in told.values() if isinstance(one, Path)]
    for _ in range(3):  # a machine in a flood of other events may lose some
        with suppress(AssertionError):
            found.sees(log, "Reverse shell", 10)
            return found.sees(log, "Password file read", 10)
        found.types("sidekick acts run reverse-shell read-shadow")
    raise AssertionError(log.read_text())


_SHOWS: Mapping[str, Callable[[Desk, Mapping[str, str | Path]], None]] = {
    "docs/quick-start.md": _first_minutes,
    "docs/rules.md": _acts,
}
"""What the commands of a page are to have shown, beside ending well."""


def _complete() -> dict[str, None]:
    texts = [document.read_text() for document in DOCUMENTS]
    found = [one for text in texts for one in mentioned(text) if is_complete(one)]
    return dict.fromkeys(shlex.join(one) for one in found if not _ELSEWHERE.match(" ".join(one)))


_ELSEWHERE = re.compile(r"(hub|run|sensor|tail|acts run)\b")
"""What does not end, or lasts: the blocks have the first, tests/acts the second."""


def test_every_command_in_a_sentence_works(tmp_path: Path) -> None:
    readme = next(document for document in DOCUMENTS if document.name == "README.md")
    found = _complete()
    assert len(found) >= 8
    with desk(tmp_path) as one, _cluster() as cluster:
        reader = Reader(readme, one, cluster)
        (tmp_path / "old.yaml").write_text(_RULES)
        (tmp_path / "new.yaml").write_text(_RULES.replace("mark-7", "mark-8"))
        for arguments in found:
            if _missing(arguments, tmp_path):
                continue  # the reader's own file: test_pages has it parsed
            reader.types(f"sidekick {arguments} || [ $? = {_TELLS.get(arguments, 0)} ]")


def _missing(arguments: str, folder: Path) -> bool:
    files = re.findall(r"[\w./-]+\.(?:ya?ml|json|log)\b", arguments)
    return any(not (folder / file).exists() for file in files)


_TELLS: Mapping[str, int] = {"rules diff old.yaml new.yaml": 1}
"""Commands that tell something by their exit code."""


def test_make_runs_what_is_typed_in_its_place() -> None:
    command = ["make", "-n", "run", "ARGS=-c FILE"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "sidekick run -c FILE" in done.stdout
