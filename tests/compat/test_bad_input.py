"""Whatever stands in falcosidekick's file or variables ends in settings or in sentences."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sidekick.compat import switched_on
from sidekick.compat.absent import ABSENT
from sidekick.compat.key import variable
from sidekick.compat.outputs import outputs
from sidekick.compat.strangers import known_keys
from tests.compat.migrating import Unusable, as_file, check_same
from tests.nightly import examples

KEYS = sorted(known_keys() | set(filter(None, ABSENT.values())))
SWITCHES = [output.full(name) for output in outputs() for name in output.switches]


def texts() -> st.SearchStrategy[str]:
    """Texts that YAML can have, those that mean something among them."""
    odd = ["true", "0", "-1", "http://h", "a:b,c:d", '{"a": 1}', "${X}", "%X", "{{ .a", "info"]
    return st.sampled_from(odd) | st.text(st.characters(codec="utf-8", exclude_categories=["C"]))


def values() -> st.SearchStrategy[Any]:
    """What may stand behind a key."""
    plain = (
        texts()
        | st.integers(-(2**62), 2**62)
        | st.booleans()
        | st.none()
        | st.floats(allow_nan=False, allow_infinity=False)
    )
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner),
        max_leaves=4,
    )


@example({"kafka.tls": "-1", "kafka.checkcert": "true"}, {}, {"kafka.hostport", "kafka.topic"})
@settings(max_examples=examples(200, 20_000))
@given(
    st.dictionaries(st.sampled_from(KEYS), values(), max_size=5),
    st.dictionaries(st.sampled_from(KEYS), texts(), max_size=5),
    st.sets(st.sampled_from(SWITCHES)),
)
def test_anything_at_all(file: dict[str, Any], environ: dict[str, str], on: set[str]) -> None:
    variables = {variable(key): "http://host" for key in on}
    variables |= {variable(key): text for key, text in environ.items()}
    value = as_file(file)
    assume(value or switched_on(variables))
    with contextlib.suppress(Unusable):
        check_same(value, variables)
