"""docs/kubernetes-audit.md: what it tells to type works, what it tells to write is accepted."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidekick.audit.record import record_of
from sidekick.listener.serve import serve
from sidekick.rules.compile import compile_condition
from sidekick.sources.k8s_audit import AuditWebhook, Config
from tests.audit.events import container, encoded, event, pod, pod_spec
from tests.servers import places
from tests.web.listening import FakeIntake

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "kubernetes-audit.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def _source() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_blocks("yaml")[0])["sources"]["audit"]
    return found


def _flags() -> dict[str, str]:
    given = yaml.safe_load(_blocks("yml")[0])["apiServer"]["extraArgs"]
    return {one["name"]: one["value"] for one in given}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_the_certificates_that_it_makes_let_in_who_has_them(tmp_path: Path) -> None:
    script = next(block for block in _blocks("sh") if "openssl" in block)
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True, capture_output=True)  # noqa: ASYNC221
    token = (tmp_path / "token").read_text()
    given = _source() | {"address": "127.0.0.1", "port": 0}
    given["tls"] = {key: str(tmp_path / Path(file).name) for key, file in given["tls"].items()}
    given["tokens"] = [one | {"token": token} for one in given["tokens"]]
    config = Config.model_validate(given)
    known = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    known.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")

    async with serve(config, AuditWebhook(config, FakeIntake(), lambda: NoRules())) as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=known, server_hostname="sidekick.example"
        )
        writer.write(
            b"POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"
            % token.encode()
        )
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200")


class NoRules:
    """Rules that match nothing."""

    def alerts(self, *event: Any) -> tuple[()]:
        return ()


def test_the_api_server_knows_the_flags() -> None:
    program = places.kube_apiserver() / "bin" / "kube-apiserver"
    if not program.exists():
        pytest.skip("the Kubernetes API server is not there: run tests/servers/install.py")
    known = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout

    assert [flag for flag in _flags() if f"--{flag} " not in known] == []


def test_what_the_api_server_may_send_is_what_the_source_takes() -> None:
    flags = _flags()
    config = Config()

    assert int(flags["audit-webhook-truncate-max-batch-size"]) < config.body_limit
    assert int(flags["audit-webhook-truncate-max-event-size"]) <= config.event_limit


def test_the_files_are_where_the_flags_and_the_webhook_file_say() -> None:
    volume = yaml.safe_load(_blocks("yml")[0])["apiServer"]["extraVolumes"][0]
    webhook = yaml.safe_load((ROOT / "config/kubernetes/audit-webhook.yaml").read_text())
    cluster, user = webhook["clusters"][0]["cluster"], webhook["users"][0]["user"]
    files = [cluster["certificate-authority"], *user.values()]
    files += [value for value in _flags().values() if value.startswith("/")]

    assert {str(Path(file).parent) for file in files} == {volume["mountPath"]}
    for file in (Path(file).name for file in files):
        assert f"{file}`" in DOCUMENT or f"`{file}" in DOCUMENT or f"[{file}]" in DOCUMENT
    assert cluster["server"].endswith(f":{Config().port}{Config().path}")


def test_a_log_file_is_judged_by_the_packs(tmp_path: Path) -> None:
    command = next(block for block in _blocks("sh") if "rules eval" in block).split()
    (tmp_path / command[-1]).write_bytes(encoded(event("list", "secrets")) + b"\n")
    command[0] = str(Path(sys.executable).parent / command[0])

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rule"] == "Secrets listed"


def test_the_searches_are_conditions() -> None:
    searches = re.findall(r"sidekick search '(.*?)'", DOCUMENT)

    assert searches
    assert all(compile_condition(one)({"alert.source": "k8s_audit"}) for one in searches)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("ka.sourceips", None),
        ("jevt.value[/sourceIPs/0]", "10.244.1.7"),
        ("ka.req.pod.containers.eff_run_as_user", ["0", "0"]),
        ("ka.req.pod.containers.run_as_user", ["7"]),
        ("ka.req.volume.hostpath[/etc*]", None),
        ("ka.req.pod.volumes.hostpath", ["/etc"]),
        ("ka.req.pod.containers.image.repository", ["registry", "nginx"]),
        ("ka.req.pod.containers.command", ['["sh"]']),
        ("ka.req.binding.subject.has_name[x]", "true"),
    ],
)
def test_fields_hold_what_the_table_says(field: str, wanted: Any) -> None:
    first = container("a", "registry:5000/x", securityContext={"runAsUser": 7}, command=["sh"])
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/etc"}}]
    record = record_of(encoded(pod(pod_spec(first, container(), volumes=volumes))))

    assert record[field] == wanted


def test_the_policy_is_what_the_document_says() -> None:
    policy = yaml.safe_load((ROOT / "config/kubernetes/audit-policy.yaml").read_text())

    assert policy["omitManagedFields"] is True
    assert policy["omitStages"] == ["RequestReceived"]
    assert policy["rules"][-1]["level"] == "Metadata"
    for one in policy["rules"]:
        groups = one.get("resources", ())
        resources = {name for group in groups for name in group.get("resources", ())}
        if {"secrets", "tokenreviews"} & resources:
            assert one["level"] in ("None", "Metadata")
