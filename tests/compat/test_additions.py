"""What falcosidekick adds to alerts and changes of them."""

from __future__ import annotations

from pathlib import Path

from tests.compat.loading import WEBHOOK, loaded


def test_outputs_and_names_get_the_form_that_falcosidekick_gives_them(tmp_path: Path) -> None:
    text = WEBHOOK + "bracketreplacer: _\noutputfieldformat: '<output>'\ncustomfields: {a: b}\n"
    rewrite = loaded(tmp_path, text).rewrite
    assert (rewrite.brackets, rewrite.output) == ("_", "<output>")
    assert rewrite.custom_fields == ("a",)


def test_templated_fields_stay_templates_of_go(tmp_path: Path) -> None:
    text = "templatedfields: {pod: '{{ index . \"k8s.pod.name\" }}', A.b: '{{ .x }}'}\n"
    enrich = loaded(tmp_path, WEBHOOK + text, TEMPLATEDFIELDS="c:{{ .d }}").enrich
    assert enrich.go_templates == {
        "pod": '{{ index . "k8s.pod.name" }}',
        "A.b": "{{ .x }}",
        "c": "{{ .d }}",
    }
    assert enrich.overwrite


def test_what_is_added_takes_the_place_of_an_alerts_own(tmp_path: Path) -> None:
    text = "customfields: {a: '%NAME', Kept.Case: '%'}\ncustomtags: [x, '', '%NAME']\n"
    enrich = loaded(tmp_path, text + WEBHOOK, NAME="{n}").enrich
    assert enrich.fields == {"a": "{{n}}", "Kept.Case": "%"}
    assert enrich.tags == ("x", "{{n}}")
    assert enrich.overwrite
    assert not loaded(tmp_path, WEBHOOK).enrich.overwrite
