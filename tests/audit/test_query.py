"""Parameters of URIs, as Go reads them."""

from __future__ import annotations

import pytest

from sidekick.audit.query import parameter


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("/x?command=ls", "ls"),
        ("/x?command=ls&command=-l", "ls"),
        ("/x?a=1&command=", ""),
        ("/x?command", ""),
        ("/x?com%6dand=a%20b+c%2Fd", "a b c/d"),
        ("/x?command=%c3%a9", "é"),
        ("/x?command=%ff", "\udcff"),
        ("/x?command=a=b", "a=b"),
        ("/x?command=a#command=b", "a"),
        ("/x?&&command=a", "a"),
        ("/x", None),
        ("/x?", None),
        ("/x?Command=a", None),
        ("/x?a=1;command=b", None),
        ("/x?command=a&b=1;2", None),
        ("/x?command=%zz", None),
        ("/x%zz?command=a", None),
        ("/x?command=a\x01", None),
        ("", None),
    ],
)
def test_a_parameter_is_the_first_of_its_name(uri: str, wanted: str | None) -> None:
    assert parameter(uri, "command") == wanted
