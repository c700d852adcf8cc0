"""Which alerts are the same: the documented fields by source, and what varies without meaning."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import ConfigError
from sidekick.model import Alert
from sidekick.pipeline.fingerprint import steady_path, workload_of_pod
from tests.pipeline.alerts import Run, alert, pipeline

FIELDS = {
    "container.image.repository": "nginx",
    "evt.time": 1,
    "fd.name": "/etc/shadow",
    "k8s.ns.name": "shop",
    "k8s.pod.name": "web-7d9f8b6c5-x2x4z",
    "proc.cmdline": "cat /etc/shadow",
    "proc.exepath": "/usr/bin/cat",
    "proc.pid": 100,
}


def print_of(found: Alert, **sections: Any) -> str:
    return pipeline(**sections).process(found, Run.at(0)).assessment.fingerprint


def with_fields(**changes: Any) -> Alert:
    return alert(fields=FIELDS | {name.replace("__", "."): v for name, v in changes.items()})


@pytest.mark.parametrize(
    "changes",
    [
        {"proc__pid": 4711},
        {"evt__time": 2},
        {"proc__cmdline": "cat -n /etc/shadow"},
        {"user__name": "eve"},
        {"k8s__pod__name": "web-7d9f8b6c5-z9z8q"},
    ],
)
def test_what_varies_without_meaning_does_not_count(changes: dict[str, Any]) -> None:
    assert print_of(with_fields(**changes)) == print_of(with_fields())


@pytest.mark.parametrize(
    "changes",
    [
        {"fd__name": "/etc/passwd"},
        {"k8s__ns__name": "payments"},
        {"proc__exepath": "/usr/bin/less"},
        {"container__image__repository": "redis"},
        {"k8s__pod__name": "api-7d9f8b6c5-x2x4z"},
        {"fd__sip": "10.0.0.1"},
    ],
)
def test_what_tells_two_events_apart_counts(changes: dict[str, Any]) -> None:
    assert print_of(with_fields(**changes)) != print_of(with_fields())


@pytest.mark.parametrize("changes", [{"rule": "Other"}, {"source": "k8s_audit"}])
def test_rule_and_source_always_count(changes: dict[str, str]) -> None:
    assert print_of(alert(fields=FIELDS, **changes)) != print_of(alert(fields=FIELDS))


@pytest.mark.parametrize("changes", [{"priority": "Critical"}, {"output": "x"}, {"tags": ("a",)}])
def test_how_it_is_told_does_not_count(changes: dict[str, Any]) -> None:
    assert print_of(alert(fields=FIELDS, **changes)) == print_of(alert(fields=FIELDS))


def test_on_a_host_the_host_counts_and_in_a_cluster_it_does_not() -> None:
    bare = {"proc.exepath": "/usr/bin/cat"}
    one, other = (print_of(alert(fields=bare, hostname=name)) for name in ("a", "b"))
    assert one != other
    one, other = (print_of(alert(fields=FIELDS, hostname=name)) for name in ("a", "b"))
    assert one == other


def test_an_audit_event_is_told_apart_by_who_did_what_to_what() -> None:
    event = {
        "ka.verb": "delete",
        "ka.target.resource": "pods",
        "ka.target.name": "web-7d9f8b6c5-x2x4z",
        "ka.target.namespace": "shop",
        "ka.user.name": "eve",
        "ka.auditid": "1",
    }

    def of(**changes: str) -> str:
        changed = {name.replace("__", "."): value for name, value in changes.items()}
        return print_of(alert(source="k8s_audit", fields=event | changed))

    assert of(ka__auditid="2") == of()
    assert of(ka__target__name="web-7d9f8b6c5-z9z8q") == of()
    assert of(ka__user__name="adam") != of()
    assert of(ka__verb="create") != of()


def test_any_other_source_counts_every_field_that_is_not_volatile() -> None:
    def of(**fields: Any) -> str:
        named = {name.replace("__", "."): value for name, value in fields.items()}
        return print_of(alert(source="okta", fields=named))

    assert of(a__b=1, a__uuid="x", evt__time=1) == of(a__b=1, a__uuid="y", evt__time=2)
    assert of(a__b=1) != of(a__b=2)
    assert of(a__b=1) != of(a__b="1")


@pytest.mark.parametrize(
    ("section", "same"),
    [
        ({"sources": {"syscall": ["proc.exepath"]}}, True),
        ({"rules": [{"match": "alert.rule = Shell", "fields": ["proc.exepath"]}]}, True),
        ({"rules": [{"match": "alert.rule = Other", "fields": ["proc.exepath"]}]}, False),
    ],
)
def test_the_fields_can_be_chosen_by_source_and_by_rule(
    section: dict[str, Any], same: bool
) -> None:
    one, other = with_fields(), with_fields(fd__name="/etc/passwd")
    assert (print_of(one, fingerprint=section) == print_of(other, fingerprint=section)) == same


def test_a_condition_that_needs_the_score_is_refused() -> None:
    rule = {"match": "alert.score > 50", "fields": ["proc.name"]}
    with pytest.raises(ConfigError, match=r"alert\.score is not known yet"):
        pipeline(fingerprint={"rules": [rule]})


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none()))
def test_a_fingerprint_is_short_and_the_same_for_the_same_fields(fields: dict[str, Any]) -> None:
    one = print_of(alert(fields=fields, source="other"))
    assert re.fullmatch("v1-[0-9a-f]{32}", one)
    assert print_of(alert(fields=dict(reversed(fields.items())), source="other")) == one


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("web-7d9f8b6c5-x2x4z", "web"),
        ("db-0", "db"),
        ("job-28391234-x2x4z", "job"),
        ("agent-x2x4z", "agent"),
        ("web", "web"),
        ("my-app", "my-app"),
    ],
)
def test_a_workload_is_the_pods_name_without_its_random_part(pod: str, workload: str) -> None:
    assert workload_of_pod(pod) == workload


@pytest.mark.parametrize(
    ("path", "steady"),
    [
        ("/proc/4711/mem", "/proc/#/mem"),
        ("/tmp/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed/x", "/tmp/#/x"),
        ("/var/lib/docker/0123456789abcdef0123/x", "/var/lib/docker/#/x"),
        ("/etc/shadow", "/etc/shadow"),
        ("10.0.0.1:4711->10.0.0.2:443", "10.0.0.1->10.0.0.2:443"),
    ],
)
def test_a_path_is_told_without_its_numbers(path: str, steady: str) -> None:
    assert steady_path(path) == steady
