"""What is wrong with rule files: Falco's codes, places and shapes."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple

from sidekick.errors import SidekickError
from sidekick.rules.yaml_places import place_in_scalar
from sidekick.rules.yaml_tree import Mark

SNIPPET_WIDTH = 160
MOST_WARNINGS = 1000
"""Of one file; more tell nothing new."""
_ITEMS = ("list", "macro", "rule")


class Code(Enum):
    """Falco's codes for errors (``LOAD_ERR_``) and warnings, with its words for each."""

    LOAD_ERR_FILE_READ = "File read error"
    LOAD_ERR_YAML_PARSE = "YAML parse error"
    LOAD_ERR_YAML_VALIDATE = "Error validating internal structure of YAML file"
    LOAD_ERR_COMPILE_CONDITION = "Error compiling condition"
    LOAD_ERR_COMPILE_OUTPUT = "Error compiling output"
    LOAD_ERR_VALIDATE = "Error validating rule/macro/list/exception objects"
    LOAD_ERR_EXTENSION = "Error in extension item"
    LOAD_UNKNOWN_SOURCE = "Unknown event source"
    LOAD_UNSAFE_NA_CHECK = "Unsafe <NA> comparison in condition"
    LOAD_NO_EVTTYPE = "Condition has no event-type restriction"
    LOAD_UNKNOWN_FILTER = "Unknown field or event-type in condition or output"
    LOAD_UNUSED_MACRO = "Unused macro"
    LOAD_UNUSED_LIST = "Unused list"
    LOAD_UNKNOWN_ITEM = "Unknown rules file item"
    LOAD_DEPRECATED_ITEM = "Used deprecated item"
    LOAD_WARNING_EXTENSION = "Warning in extension item"
    LOAD_APPEND_NO_VALUES = "Overriding/appending with no values"
    LOAD_EXCEPTION_NAME_NOT_UNIQUE = "Multiple exceptions defined with the same name"
    LOAD_INVALID_MACRO_NAME = "Invalid macro name"
    LOAD_INVALID_LIST_NAME = "Invalid list name"
    LOAD_COMPILE_CONDITION = "Warning in rule condition"
    LOAD_UNKNOWN_KEY = "Unknown key in item definition"

    @property
    def is_error(self) -> bool:
        """Does the file not load?"""
        return self.name.startswith("LOAD_ERR_")


_OF_SCHEMA = frozenset(
    {Code.LOAD_ERR_YAML_PARSE, Code.LOAD_ERR_YAML_VALIDATE, Code.LOAD_UNKNOWN_KEY}
)
"""What Falco's schema of rule files finds as well."""


class Location(NamedTuple):
    """One step of the way to a fault: what kind of item, its name, where it starts (from 0)."""

    file: str
    kind: str
    item: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Context:
    """The way from a file to a fault.

    ``text`` is the condition that the last step is in, if any, with its lists in place; ``offset``
    the place there. ``scalar`` is the same condition, or the part of it, that the file has, and
    ``scalar_offset`` the place there.
    """

    steps: tuple[Location, ...]
    text: str = ""
    offset: int = 0
    scalar: str = ""
    scalar_offset: int = 0

    @classmethod
    def of_file(cls, name: str) -> Context:
        """The whole of a file."""
        return cls((Location(name, "rules content", "", Mark()),))

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.steps[0].file

    @property
    def mark(self) -> Mark:
        """The place in the file of the innermost step that has one there."""
        return self.steps[-2 if self.text else -1].mark

    def inside(self, mark: Mark, kind: str, item: str = "") -> Context:
        """A step further in."""
        return Context((*self.steps, Location(self.file, kind, item, mark)))

    def in_condition(self, text: str, line: int, column: int, offset: int) -> Context:
        """A place in a condition; line and column count from 1."""
        short = text if len(text) <= 20 else text[:17] + "..."
        name = '"' + short.replace("\n", " ").replace("\r", " ") + '"'
        above = self.steps[-1].mark
        mark = Mark(above.line + line, above.column + column, above.offset + offset)
        step = Location(name, "condition expression", "", mark)
        return replace(self, steps=(*self.steps, step), text=text, offset=offset)

    def exact(self, contents: Map[str, str]) -> Mark:
        """The place in the file, to the character where a condition is at fault."""
        whole = contents.get(self.file)
        if whole is None or not self.scalar:
            return self.mark
        return place_in_scalar(whole, self.mark, self.scalar, self.scalar_offset)

    @property
    def item(self) -> str:
        """What it is in, such as "rule 'A shell'"; "" for the file as a whole."""
        named = [step for step in self.steps if step.kind in _ITEMS and step.item]
        return f"{named[0].kind} '{named[0].item}'" if named else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One error or warning."""

    code: Code
    message: str
    context: Context

    def describe(self, contents: Map[str, str]) -> str:
        """For a person: ``file:line:column: what is wrong (where)``, both counted from 1."""
        mark = self.context.exact(contents)
        where = f" (in {self.context.item})" if self.context.item else ""
        place = f"{self.context.file}:{mark.line + 1}:{mark.column + 1}"
        return f"{place}: {self.message}{where}"

    def lines(self, contents: Map[str, str]) -> str:
        """The line of the file that it is about, with a caret below the place; "" if unknown."""
        return _snippet(contents.get(self.context.file, ""), self.context.exact(contents).offset)

    def snippet(self, contents: Map[str, str]) -> str:
        """As Falco shows it: a condition's own text where a condition is at fault."""
        text = self.context.text or contents.get(self.context.file, "")
        offset = self.context.offset if self.context.text else self.context.mark.offset
        return _snippet(text, offset)

    def as_json(self, contents: Map[str, str]) -> dict[str, Any]:
        """In the shape of Falco's validation result."""
        locations = [
            {
                "item_name": step.item,
                "item_type": step.kind,
                "position": {
                    "column": step.mark.column,
                    "line": step.mark.line,
                    "name": step.file,
                    "offset": step.mark.offset,
                },
            }
            for step in self.context.steps
        ]
        return {
            "code": self.code.name,
            "codedesc": self.code.value,
            "context": {
                "locations": locations,
                "snippet": self.snippet(contents) or "<No context available>\n",
            },
            "message": self.message,
        }


class RulesFault(SidekickError):
    """A rule file, or an item of it, cannot be used."""

    def __init__(self, code: Code, message: str, context: Context) -> None:
        super().__init__(message)
        self.finding = Finding(code, message, context)


@dataclass(slots=True)
class FileResult:
    """What was found in one file."""

    name: str
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Keep a finding; of warnings only the first ``MOST_WARNINGS``."""
        if finding.code.is_error:
            self.errors.append(finding)
        elif len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(finding)

    def warn(self, code: Code, message: str, context: Context) -> None:
        """Keep a warning."""
        self.add(Finding(code, message, context))

    def as_json(self, contents: Map[str, str]) -> dict[str, Any]:
        """In the shape of Falco's validation result."""
        unlike = [f.message for f in (*self.errors, *self.warnings) if f.code in _OF_SCHEMA]
        return {
            "errors": [finding.as_json(contents) for finding in self.errors],
            "name": self.name,
            "schema_valid": "failed" if unlike else "ok",
            "schema_warnings": unlike,
            "successful": not self.errors,
            "warnings": [finding.as_json(contents) for finding in self.warnings],
        }


def _snippet(text: str, offset: int) -> str:
    at = min(offset, len(text) - 1)
    while at > 0 and text[at] == "\n":
        at -= 1
    if at < 0:
        return ""
    half = SNIPPET_WIDTH // 2
    start = max(text.rfind("\n", 0, at) + 1, at - half)
    end = text.find("\n", at)
    end = min(len(text) if end < 0 else end, at + half)
    line = text[start:end].replace("\t", " ").rstrip("\r")
    return f"{line}\n{' ' * (at - start)}^\n"
