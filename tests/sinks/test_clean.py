from __future__ import annotations

import pytest

from sidekick.section import Secret
from sidekick.sinks._clean import cleaner


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain", "plain"),
        ("two\nlines\tand \x1b[31mcolour\x9b", "two lines and [31mcolour"),
        ("x" * 400, "x" * 299 + "…"),
        ("token hunter2-hunter2, key hunter2", "token ***, key ***"),
        ("abc is too short for a secret", "abc is too short for a secret"),
        ('{"error": "<html> inside"}', '{"error": "<html> inside"}'),
        (
            "<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>a<b{}</style></head>"
            "<body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>",
            "502 Bad Gateway 502 Bad Gateway nginx",
        ),
        ("<html>" + "<" * 100_000, "<" * 299 + "…"),
        ("<html>" + "<script>" * 20_000, ""),
    ],
)
def test_a_text_from_outside_is_short_and_without_secrets(text: str, told: str) -> None:
    assert cleaner(["hunter2", Secret("hunter2-hunter2"), "abc"])(text) == told
