"""Outcomes of rule tests as JUnit XML, as build servers read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from sidekick.rules.trial import Outcome

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Write the outcomes, by the name of their file."""
    root = ElementTree.Element("testsuites", _counts([o for of in outcomes.values() for o in of]))
    for name, found in outcomes.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(name)} | _counts(found))
        for outcome in found:
            _add(suite, outcome)
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = outcome.case
    attributes = {"classname": case.rule or suite.get("name", ""), "name": case.name}
    file, _, line = case.place.rpartition(":")
    attributes |= {"file": file, "line": line}
    element = ElementTree.SubElement(
        suite, "testcase", {key: _xml(value) for key, value in attributes.items()}
    )
    if not outcome.passed:
        failure = ElementTree.SubElement(element, "failure", message="other alerts than expected")
        failure.text = _xml("\n".join(outcome.diff))


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    failed = sum(not outcome.passed for outcome in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failed)}


def _xml(text: str) -> str:
    """The text without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)
