"""The chart, over a table of values: what each of them makes of its objects."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidekick import __version__, compat
from sidekick.cli.sensor import command as sensor_command
from sidekick.compat.absent import ABSENT
from sidekick.model import Priority
from sidekick.sensor import privileges
from sidekick.settings import load
from tests.faults.system import system
from tests.helm.chart import CHART, NAME, Object, Refused, container, helm, one, render
from tests.helm.values import FALCOSIDEKICK, SETTINGS, TABLE
from tests.observability.rules import FOLDER, rules
from tests.servers import places

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("values", TABLE.values(), ids=TABLE)
def test_helm_finds_nothing_to_mend(values: dict[str, Any]) -> None:
    told = helm("lint", CHART, "--strict", "--kube-version", "1.34", values=values)

    assert "0 chart(s) failed" in told


def test_the_chart_installs_the_version_that_it_comes_with() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert about["appVersion"] == __version__
    assert container(render())["image"] == f"docker.io/sidekick/sidekick:{__version__}"


@pytest.mark.parametrize("values", TABLE.values(), ids=TABLE)
def test_every_object_says_whose_it_is(values: dict[str, Any]) -> None:
    for found in render(values):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "r"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert found["metadata"]["namespace"], found["metadata"]["name"]


@pytest.mark.parametrize("values", TABLE.values(), ids=TABLE)
def test_no_object_gives_rights(values: dict[str, Any]) -> None:
    objects = render(values)

    assert not {found["kind"] for found in objects} & {"Role", "ClusterRole", "RoleBinding"}
    pod = one(objects, "StatefulSet", _name(values))["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False


def _name(values: dict[str, Any]) -> str:
    return str(values.get("fullnameOverride", NAME))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"config": {"slakc": {}}}, "slakc"),
        ({"replicaCount": "two"}, "replicaCount"),
        ({"replicas": 2}, "replicas"),
        ({"persistence": {"size": "lots"}}, "size"),
        ({"persistence": {"accessModes": ["ReadWriteMany"]}}, "accessModes"),
        ({"service": {"port": 0}}, "port"),
        ({"podAntiAffinity": "always"}, "podAntiAffinity"),
        ({"kafka": {"enabled": True, "brokers": ["a:1"]}}, "kafka.enabled needs settings"),
        ({"kafka": {"enabled": True}, "settings": SETTINGS}, "kafka.brokers"),
        ({"kafka": {"brokers": ["http://a:1"]}}, "brokers"),
        ({"audit": {"enabled": True}}, "audit.enabled needs settings"),
        ({"audit": {"enabled": True}, "settings": SETTINGS}, "audit.tlsSecret"),
        (
            {"kafka": {"enabled": True, "brokers": ["a:1"]}, "settingsSecret": "s"},
            "into that Secret",
        ),
        ({"sensor": {"url": "unix:/a"}}, "url"),
        (
            {"settings": SETTINGS, "config": {"slack": {"webhookurl": "x"}}},
            "settings and config are both given (config: slack)",
        ),
        ({"config": {"tlsserver": {"deploy": True, "servercrt": "C"}}}, "serverkey"),
        ({"prometheusRules": {"alerts": {"error": {"rate_interval": "soon"}}}}, "rate_interval"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)):
        render(values)


# -- configuration ---------------------------------------------------------------------------------


def test_falcosidekicks_keys_become_its_environment_variables() -> None:
    found = variables_of(FALCOSIDEKICK)

    assert found == {
        "ALERTMANAGER_ENDPOINT": "/api/v2/alerts",
        "ALERTMANAGER_EXPIRESAFTER": "900",
        "ALERTMANAGER_HOSTPORT": "http://alertmanager:9093",
        "AWS_REGION": "eu-central-1",
        "AWS_S3_BUCKET": "alerts",
        "AWS_S3_PREFIX": "falco",
        "BRACKETREPLACER": "_",
        "CUSTOMFIELDS": "environment:production",
        "DEBUG": "true",
        "ELASTICSEARCH_BATCHING_BATCHSIZE": "5242880",
        "ELASTICSEARCH_BATCHING_ENABLED": "true",
        "ELASTICSEARCH_BATCHING_FLUSHINTERVAL": "1s",
        "ELASTICSEARCH_CHECKCERT": "false",
        "ELASTICSEARCH_CUSTOMHEADERS": "X-Tenant:soc",
        "ELASTICSEARCH_HOSTPORT": "http://elasticsearch:9200",
        "KAFKA_HOSTPORT": "kafka:9092",
        "KAFKA_TLS": "true",
        "KAFKA_TOPIC": "falco",
        "MUTUALTLSFILESPATH": "/etc/certs",
        "SLACK_MINIMUMPRIORITY": "warning",
        "SLACK_WEBHOOKURL": "https://hooks.slack.example/x",
        "TELEGRAM_CHATID": "1",
        "TELEGRAM_MESSAGE_THREAD_ID": "7",
        "TELEGRAM_TOKEN": "t",
    }


def variables_of(values: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = one(render(values), "Secret", _name(values)).get("stringData", {})
    return found


def test_the_keys_that_the_schema_knows_are_falcosidekicks() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    keys = set(schema["properties"]["config"]["properties"])
    own = {"existingSecret", "extraEnv", "extraArgs"}

    assert [key for key in keys - own if not compat.recognise({key: None})] == []
    assert {"signl4", "splunk", "logstash", "webex", *FALCOSIDEKICK["config"]} <= keys


def test_falcosidekicks_keys_become_sinks() -> None:
    assert "--config" not in str(container_of(FALCOSIDEKICK)["args"])
    settings = load(None, variables_of(FALCOSIDEKICK))

    assert set(settings.sinks) == {"slack", "elasticsearch", "alertmanager", "s3", "kafka"}
    assert settings.listen.port == 2801


def test_without_destinations_there_is_no_file() -> None:
    objects = render()

    assert not [found for found in objects if found["metadata"]["name"].endswith("-settings")]
    assert container(objects)["args"] == ["hub", "--state=/var/lib/sidekick"]


def test_secrets_reach_the_container_in_falcosidekicks_order() -> None:
    found = container_of(FALCOSIDEKICK)

    names = [source["secretRef"]["name"] for source in found["envFrom"]]
    assert names == ["falcosidekick", "more"]  # the later one goes over the earlier
    assert found["env"] == FALCOSIDEKICK["config"]["extraEnv"]


def container_of(values: dict[str, Any]) -> Object:
    pod = one(render(values), "StatefulSet", _name(values))["spec"]["template"]["spec"]
    return dict(pod["containers"][0])


def test_the_settings_are_a_file_that_sidekick_takes(tmp_path: Path) -> None:
    objects = render(TABLE["kafka"])
    text = one(objects, "Secret", f"{NAME}-settings")["stringData"]["sidekick.yaml"]
    file = tmp_path / "sidekick.yaml"
    file.write_text(text)
    environment = {"SLACK_WEBHOOKURL": "https://hooks.slack.example/x", "KAFKA_PASSWORD": "secret"}
    settings = load(file, environment)

    assert set(settings.sinks) == {"chat"}
    assert settings.sources["kafka"].model_dump(include={"brokers", "group"}) == {
        "brokers": ["kafka-0:9092"],
        "group": "sidekick",
    }
    assert settings.warnings == ()
    assert "--config=/etc/sidekick/sidekick.yaml" in container(objects)["args"]
    assert {"name": "settings", "mountPath": "/etc/sidekick", "readOnly": True} in container(
        objects
    )["volumeMounts"]


def test_audit_events_come_in_by_a_service_of_their_own(tmp_path: Path) -> None:
    objects = render(TABLE["audit"])
    file = tmp_path / "sidekick.yaml"
    file.write_text(one(objects, "Secret", f"{NAME}-settings")["stringData"]["sidekick.yaml"])
    environment = {"SLACK_WEBHOOKURL": "https://hooks.slack.example/x", "AUDIT_TOKEN": "a-secret"}
    source = load(file, environment).sources["audit"].model_dump()

    assert (source["type"], source["cluster"], source["body_limit"]) == ("k8s_audit", "prod", 2**22)
    pod = one(objects, "StatefulSet")["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(objects)["volumeMounts"]}
    assert source["tls"]["client_ca_file"] == f"{mounts['audit']}/ca.crt"
    secrets = {volume["name"]: volume.get("secret") for volume in pod["volumes"]}
    assert secrets["audit"] == {"secretName": "audit-tls"}
    (variable,) = container(objects)["env"]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "audit-token", "key": "token"}
    service = one(objects, "Service", f"{NAME}-audit")["spec"]
    (port,) = service["ports"]
    ports = {one["name"]: one["containerPort"] for one in container(objects)["ports"]}
    assert ports[port["targetPort"]] == source["port"] == 9765
    assert service["type"] == "LoadBalancer"


def test_only_what_is_read_at_the_start_needs_new_pods() -> None:
    before = restart(SETTINGS)

    assert restart(SETTINGS | {"dedup": {"window": "1h"}}) == before
    assert restart(SETTINGS | {"listen": {"body_limit": "1MiB"}}) != before
    assert restart(SETTINGS | {"log": {"max_size": "2GiB"}}) != before


def restart(settings: dict[str, Any]) -> str:
    pod = one(render({"settings": settings}), "StatefulSet")["spec"]["template"]
    return str(pod["metadata"]["annotations"]["checksum/restart"])


def test_another_environment_needs_new_pods() -> None:
    found = [
        one(render({"config": {"slack": {"webhookurl": url}}}), "StatefulSet")["spec"]["template"]
        for url in ("https://a.example", "https://b.example")
    ]
    assert found[0] != found[1]


def test_paths_without_tls_have_a_port_of_their_own() -> None:
    objects = render(TABLE["falcosidekick's tls by a secret"])
    settings = load(None, one(objects, "Secret")["stringData"])

    assert settings.listen.plain
    assert (settings.listen.plain.port, settings.listen.plain.paths) == (2810, ("/ping",))
    assert {"name": "http-notls", "containerPort": 2810, "protocol": "TCP"} in container(objects)[
        "ports"
    ]
    ports = {port["name"]: port["port"] for port in one(objects, "Service")["spec"]["ports"]}
    assert ports == {"http": 2801, "http-notls": 2810}


def test_the_port_of_falcosidekicks_keys_is_the_containers() -> None:
    (port,) = container(render({"config": {"listenport": 2999}}))["ports"]

    assert port["containerPort"] == 2999


def test_the_outputs_that_are_not_there_are_those_of_the_code() -> None:
    text = (CHART / "files" / "absent-outputs.txt").read_text()

    assert text.split() == sorted(filter(None, ABSENT.values()))


# -- pods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "probe"),
    [
        ("defaults", {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}}),
        ("tls", {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTPS"}}),
        ("mutual tls", {"tcpSocket": {"port": "http"}}),
        (
            "tls and a port without",
            {"httpGet": {"path": "/readyz", "port": "http-notls", "scheme": "HTTP"}},
        ),
        (
            "falcosidekick's tls",
            {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTPS"}},
        ),
        (
            "falcosidekick's tls by a secret",
            {"httpGet": {"path": "/ping", "port": "http-notls", "scheme": "HTTP"}},
        ),
    ],
)
def test_the_kubelet_can_look(values: str, probe: dict[str, Any]) -> None:
    found = container(render(TABLE[values]))

    assert probe.items() <= found["readinessProbe"].items()
    ports = {port["name"]: port["containerPort"] for port in found["ports"]}
    assert ports["http"] == (2899 if values == "mutual tls" else 2801)


def test_a_pod_keeps_its_log() -> None:
    found = one(render(TABLE["persistence"]), "StatefulSet")["spec"]

    (claim,) = found["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    retain = found["persistentVolumeClaimRetentionPolicy"]
    assert retain == {"whenScaled": "Retain", "whenDeleted": "Delete"}


def test_without_persistence_the_log_goes_with_the_pod() -> None:
    found = one(render(TABLE["no persistence"]), "StatefulSet")["spec"]

    assert "volumeClaimTemplates" not in found
    volumes = {volume["name"]: volume for volume in found["template"]["spec"]["volumes"]}
    assert volumes["log"]["emptyDir"] == {"sizeLimit": "2Gi"}


def test_autoscaling_decides_how_many_pods_there_are() -> None:
    objects = render(TABLE["autoscaling"])

    assert "replicas" not in one(objects, "StatefulSet")["spec"]
    (metric,) = one(objects, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "sidekick_lane_oldest_seconds"
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "30"}
    affinity = one(objects, "StatefulSet")["spec"]["template"]["spec"]["affinity"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" in affinity["podAntiAffinity"]


def test_only_who_may_send_reaches_the_pods() -> None:
    found = one(render(TABLE["routes"]), "NetworkPolicy")["spec"]

    (ingress,) = found["ingress"]
    assert ingress["from"] == TABLE["routes"]["networkPolicy"]["from"]
    assert ingress["ports"] == [{"port": "http", "protocol": "TCP"}]  # and not the admin API's
    dns, own = found["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert own == {"ports": [{"port": 443, "protocol": "TCP"}]}


def test_the_service_selects_the_pods() -> None:
    objects = render()
    labels = one(objects, "StatefulSet")["spec"]["template"]["metadata"]["labels"]

    for kind, name in (("Service", NAME), ("Service", f"{NAME}-pods")):
        assert one(objects, kind, name)["spec"]["selector"].items() <= labels.items()
    assert one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= (
        labels.items()
    )


def test_a_clouds_identity_is_the_accounts() -> None:
    found = one(render(FALCOSIDEKICK), "ServiceAccount", "falcosidekick")["metadata"]["annotations"]

    assert found["eks.amazonaws.com/role-arn"] == "arn:aws:iam::1:role/r"
    assert found["azure.workload.identity/client-id"] == "an-id"


async def test_helm_test_asks_a_hub_what_it_answers(tmp_path: Path) -> None:
    (asking,) = one(render(), "Pod", f"{NAME}-test-connection")["spec"]["containers"]
    *script, address = asking["command"]
    assert address == f"http://{NAME}:2801"
    async with system(tmp_path, {"sinks": {"out": {"type": "stdout"}}}) as hub:
        command = [sys.executable, *script[1:], f"http://127.0.0.1:{hub.port}"]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=30, check=False
        )

    assert done.returncode == 0, done.stderr
    assert "GET /readyz 200" in done.stdout
    assert 'POST /healthz 200 {"status": "ok"}' in done.stdout


# -- the sensor ------------------------------------------------------------------------------------


def test_a_sensor_on_every_node_sends_to_the_hubs(tmp_path: Path) -> None:
    objects = render(TABLE["sensor"])
    found = one(objects, "DaemonSet", f"{NAME}-sensor")["spec"]["template"]["spec"]
    (sensor,) = found["containers"]

    assert sensor["args"][:2] == ["sensor", f"--to=http://{NAME}.default:2801"]
    assert sensor["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"],
    }
    assert "privileged" not in sensor["securityContext"]
    kept = {f"CAP_{name}" for name in sensor["securityContext"]["capabilities"]["add"]}
    assert kept == {*privileges.KEPT, "CAP_PERFMON"}  # what it keeps, and what it attaches with
    paths = {one["hostPath"]["path"] for one in found["volumes"] if "hostPath" in one}
    assert paths == {"/var/lib/sidekick-sensor", "/etc", "/run"}
    writable = {one["name"] for one in sensor["volumeMounts"] if not one.get("readOnly")}
    assert writable == {"outbox", "tmp"}

    file = tmp_path / "sidekick.yaml"
    file.write_text(one(objects, "Secret", f"{NAME}-sensor")["stringData"]["sidekick.yaml"])
    settings = load(file, {})
    assert settings.rules.priority is Priority.NOTICE
    assert settings.sensor.snaplen == 0
    assert settings.sensor.containers.host == Path("/host")
    assert (
        one(objects, "ConfigMap", f"{NAME}-sensor-rules")["data"]
        == (TABLE["sensor"]["sensor"]["rules"])
    )


def test_the_sensors_command_line_is_one_that_there_is() -> None:
    objects = render(TABLE["sensor"])
    pod = one(objects, "DaemonSet", f"{NAME}-sensor")["spec"]["template"]["spec"]
    role, *arguments = pod["containers"][0]["args"]
    assert role == "sensor"
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert f"--ca={mounts['ca']}/ca.crt" in arguments
    known = {option for parameter in sensor_command.params for option in parameter.opts}
    assert {argument.partition("=")[0] for argument in arguments} <= known


def test_a_sensor_is_called_by_its_node_and_probed_at_its_own_address() -> None:
    pod = one(render(TABLE["sensor"]), "DaemonSet", f"{NAME}-sensor")["spec"]["template"]["spec"]
    (sensor,) = pod["containers"]

    assert {"--node=$(NODE_NAME)", "--metrics=$(POD_IP):2803"} <= set(sensor["args"])
    known = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in sensor["env"][:2]}
    assert known == {"NODE_NAME": "spec.nodeName", "POD_IP": "status.podIP"}
    assert "hostNetwork" not in pod
    for probe, path in (("startup", "healthz"), ("liveness", "healthz"), ("readiness", "readyz")):
        asked = sensor[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": f"/{path}", "port": "metrics"}


def test_prometheus_reaches_a_sensor_where_it_is_to_scrape_it() -> None:
    objects = render(TABLE["watched"])
    pod = one(objects, "DaemonSet", f"{NAME}-sensor")["spec"]["template"]
    (sensor,) = pod["spec"]["containers"]
    monitor = one(objects, "PodMonitor", f"{NAME}-sensor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]

    assert "--metrics=$(POD_IP):12803" in sensor["args"]
    assert {"name": "metrics", "containerPort": 12803, "protocol": "TCP"} in sensor["ports"]
    probe = sensor["livenessProbe"]["httpGet"]
    assert probe == {"path": "/healthz", "port": "metrics", "scheme": "HTTPS"}
    assert (endpoint["port"], endpoint["scheme"], endpoint["interval"]) == (
        "metrics",
        "https",
        "15s",
    )
    chosen = monitor["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= pod["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["a"] == "b"
    values = {"sensor": {"enabled": False, "podMonitor": {"enabled": True}}}
    assert not [found for found in render(values) if found["kind"] == "PodMonitor"]


def test_who_may_scrape_a_sensor_is_said_with_who_may_reach_a_hub() -> None:
    values = {"sensor": {"enabled": True}, "networkPolicy": TABLE["routes"]["networkPolicy"]}
    policy = one(render(values), "NetworkPolicy", f"{NAME}-sensor")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [
        {"from": values["networkPolicy"]["from"], "ports": [{"port": "metrics", "protocol": "TCP"}]}
    ]
    values["sensor"] = {"enabled": False}
    assert len([one for one in render(values) if one["kind"] == "NetworkPolicy"]) == 1


# -- what is watched -------------------------------------------------------------------------------


def test_the_rules_are_those_of_the_project() -> None:
    groups = one(render({"prometheusRules": {"enabled": True}}), "PrometheusRule")["spec"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]

    text = yaml.safe_dump(rules("record") + rules(), width=1000)
    wanted = yaml.safe_load(text.replace('job="sidekick"', f'job="{NAME}"'))
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_alerts_can_be_left_out_changed_and_added() -> None:
    found = alerts_of(FALCOSIDEKICK)

    assert "FalcoWarningEventsRateHigh" not in found
    assert found["FalcoCriticalEventsRateHigh"]["expr"] == (
        'rate(sidekick_alerts_total{priority="Critical"}[2m]) > 0.5'
    )
    assert found["FalcoErrorEventsRateHigh"]["expr"].endswith("[5m]) > 0")
    assert found["SidekickDown"]["expr"] == 'up{job="falcosidekick"} == 0'
    assert found["Ours"] == {"alert": "Ours", "expr": "vector(1)"}
    watched = alerts_of(TABLE["watched"])
    assert "SidekickNothingReceived" not in watched
    address = watched["SidekickDown"]["annotations"]["runbook_url"]
    assert address == "https://soc.example/operations.md#sidekickdown"


def alerts_of(values: dict[str, Any]) -> dict[str, Any]:
    groups = one(render(values), "PrometheusRule", _name(values))["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    promtool = places.program("promtool")
    assert promtool
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(one(render(TABLE["watched"]), "PrometheusRule")["spec"]))

    subprocess.run([promtool, "check", "rules", file], check=True, capture_output=True)


def test_the_dashboards_are_those_of_the_project() -> None:
    folder = FOLDER.parent / "grafana" / "dashboards"
    found = one(render(TABLE["watched"]), "ConfigMap", f"{NAME}-dashboards")
    for file in folder.glob("*.json"):
        assert found["data"][f"sidekick-{file.name}"] == file.read_text().rstrip("\n")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"

    found = one(render(FALCOSIDEKICK), "ConfigMap", "falcosidekick-grafana-dashboard")
    assert set(found["data"]) == {"sidekick-health.json", "sidekick-security.json"}
    assert found["metadata"]["annotations"]["grafana_folder"] == "Security"


def test_a_packaged_chart_renders_the_same(tmp_path: Path) -> None:
    helm("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("sidekick-*.tgz")

    assert render(TABLE["watched"], package) == render(TABLE["watched"])
