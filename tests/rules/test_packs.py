"""The rule packs that are shipped: they load clean, are tagged, can be tuned, clash with none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidekick import rule_packs
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.ruleset import Rule, RuleSet
from tests.rules.loading import OFFICIAL_FILES, needs_official_files

NAMES = ["00-macros.yaml", "audit-trail.yaml", "cis.yaml", "core.yaml", "kubernetes-audit.yaml"]
TACTICS = frozenset(
    f"mitre_{tactic}"
    for tactic in (
        *("reconnaissance", "resource_development", "initial_access", "execution", "persistence"),
        *("privilege_escalation", "defense_evasion", "credential_access", "discovery"),
        *("lateral_movement", "collection", "command_and_control", "exfiltration", "impact"),
    )
)
TECHNIQUE = re.compile(r"T1[0-9]{3}(\.[0-9]{3})?")
MATURITY = {"maturity_stable", "maturity_incubating"}
NEEDED = {
    "syscall": {"user.name", "user.loginname", "proc.cmdline", "proc.exepath", "proc.pcmdline"},
    "k8s_audit": {"ka.user.name", "ka.verb", "ka.target.namespace", "ka.response.code"},
}
"""What each alert says: who, what, and where it came from."""
SUGGESTED = {"container.image.repository", "k8s.ns.name"}
"""What is appended to outputs by default, so that no rule has to say it."""


@cache
def packs() -> RuleSet:
    return load_files(pack_files())


@cache
def items() -> tuple[dict[str, Any], ...]:
    """Everything that the files define, as it is written."""
    return tuple(item for path in pack_files() for item in yaml.safe_load(path.read_text()))


def names_of(paths: tuple[Path, ...], kind: str) -> set[str]:
    found = (item for path in paths for item in yaml.safe_load(path.read_text()))
    return {item[kind] for item in found if kind in item}


def rule_ids() -> list[str]:
    return [item["rule"] for item in items() if "rule" in item]


def the_rule(name: str) -> Rule:
    rule = packs().rule(name)
    assert rule
    return rule


def test_they_are_found_in_a_checkout_in_the_order_of_their_names() -> None:
    assert [path.name for path in pack_files()] == NAMES


def test_where_they_are_installed_they_are_found_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text("[]")
    monkeypatch.setattr(rule_packs, "_PLACES", (tmp_path, *rule_packs._PLACES))
    assert pack_files() == (tmp_path / "a.yaml",)


def test_an_installation_without_them_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_packs, "_PLACES", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=f"no rule packs in {tmp_path}"):
        pack_files()


def test_they_load_without_an_error_or_a_warning() -> None:
    assert [found.message for found in (*packs().errors, *packs().warnings)] == []


def test_the_audit_pack_needs_no_other_file() -> None:
    alone = load_files([path for path in pack_files() if path.name == "kubernetes-audit.yaml"])
    assert [found.message for found in (*alone.errors, *alone.warnings)] == []
    assert {rule.source for rule in alone.rules} == {"k8s_audit"}


@pytest.mark.parametrize("pack", ["audit-trail.yaml", "cis.yaml", "core.yaml"])
def test_each_pack_of_system_calls_loads_with_the_macros_alone(pack: str) -> None:
    alone = load_files([path for path in pack_files() if path.name in ("00-macros.yaml", pack)])
    assert alone.ok
    assert alone.rules


@needs_official_files
@pytest.mark.parametrize("kind", ["rule", "macro", "list"])
def test_no_name_is_one_of_falcos_so_both_can_be_loaded_in_any_order(kind: str) -> None:
    assert names_of(pack_files(), kind) & names_of(OFFICIAL_FILES, kind) == set()


@needs_official_files
def test_they_load_beside_falcos_own_files_before_and_after() -> None:
    for paths in ((*pack_files(), *OFFICIAL_FILES), (*OFFICIAL_FILES, *pack_files())):
        both = load_files(paths)
        assert both.ok
        assert len(both.rules) == len(packs().rules) + 93 + 48


@pytest.mark.parametrize("name", rule_ids())
def test_a_rule_is_tagged_with_its_tactic_technique_and_maturity(name: str) -> None:
    tags = set(the_rule(name).tags)
    tactics = {tag for tag in tags if tag.startswith("mitre_")}
    assert tactics
    assert tactics <= TACTICS
    assert [tag for tag in tags if TECHNIQUE.fullmatch(tag)]
    assert len(tags & MATURITY) == 1


@pytest.mark.parametrize("name", rule_ids())
def test_an_alert_says_who_did_what_and_where_it_came_from(name: str) -> None:
    rule = the_rule(name)
    fields = set(re.findall(r"%([a-z][a-z0-9_.]*)", _item(name)["output"]))
    assert NEEDED[rule.source] <= fields


@pytest.mark.parametrize("name", rule_ids())
def test_a_description_tells_what_it_means_and_what_to_do(name: str) -> None:
    text = _item(name)["desc"]
    assert len(text.split(". ")) >= 2
    assert 100 < len(text) < 600


@pytest.mark.parametrize("name", rule_ids())
def test_a_rule_can_be_tuned_by_a_macro_and_by_exceptions(name: str) -> None:
    item = _item(name)
    slug = re.sub("[^a-z0-9]+", "_", name.lower())
    assert item["condition"].strip().endswith(f"and not allow_{slug}")
    assert f"allow_{slug}" in packs().macros
    assert {exception["name"] for exception in item["exceptions"]} & {"program", "user"}


@pytest.mark.parametrize("name", rule_ids())
def test_an_alert_holds_the_fields_that_its_exceptions_ask_for(name: str) -> None:
    asked = {
        field
        for exception in _item(name)["exceptions"]
        for field in ([exception["fields"]] if isinstance(exception["fields"], str)
                      else exception["fields"])
    }  # fmt: skip
    assert asked - {token.key for token in the_rule(name).output.tokens} <= SUGGESTED


@pytest.mark.parametrize("name", rule_ids())
def test_a_rule_of_system_calls_is_asked_of_few_event_types(name: str) -> None:
    rule = the_rule(name)
    if rule.source == "syscall":
        assert len(rule.types.known()) <= 10


def _item(name: str) -> dict[str, Any]:
    return next(item for item in items() if item.get("rule") == name)
