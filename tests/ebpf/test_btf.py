"""Layouts read from an object's BTF."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from sidekick.ebpf.btf import Btf, Field, Layout, elf_section, part_format
from sidekick.ebpf.probe import object_path


@pytest.fixture(scope="module")
def btf() -> Btf:
    return Btf(object_path("x86_64").read_bytes())


def test_a_structure_within_a_structure_has_dotted_names(btf: Btf) -> None:
    fields = {field.name: field for field in btf.layouts["call_record"].fields}

    assert fields["header.time_ns"] == Field("header.time_ns", 0, "Q", 1, "header")
    assert fields["header.comm"].is_bytes
    assert fields["args"].count == 6
    assert fields["texts.5.length"].type_name == "text"
    assert fields["file.fd"].code == "i"
    assert fields["result"].code == "q"


def test_fields_lie_in_order_and_do_not_overlap(btf: Btf) -> None:
    for layout in btf.layouts.values():
        for field, following in pairwise(layout.fields):
            end = field.offset + struct.calcsize("<" + field.format)
            assert end <= following.offset, f"{layout.name}.{field.name}"


def test_records_have_no_padding_that_is_not_named(btf: Btf) -> None:
    for layout in btf.layouts.values():
        if layout.name.endswith("_record"):
            assert "x" not in layout.format(), layout.name


def test_a_format_unpacks_what_was_packed(btf: Btf) -> None:
    layout = btf.layouts["shape"]

    data = layout.pack(arguments=(1, 2, 3), flags=4, bytes=5)

    assert len(data) == layout.size
    assert struct.unpack(layout.format(), data) == (1, 2, 3, 0, 0, 0, 4, 5, 0, 0)


def test_a_name_that_is_no_field_is_refused(btf: Btf) -> None:
    with pytest.raises(AssertionError, match="shape has no colour"):
        btf.layouts["shape"].pack(colour=1)


def test_gaps_are_skipped() -> None:
    layout = Layout("gap", 16, (Field("a", 0, "B", 1, ""), Field("b", 8, "I", 1, "")))

    assert layout.format() == "<BxxxxxxxIxxxx"
    assert part_format(layout.fields[1:]) == "<I"


def test_enumerations_give_their_values(btf: Btf) -> None:
    assert btf.enums["record_kind"]["KIND_CALL"] == 1
    assert btf.enums["layer"] == {"LAYER_NONE": 0, "LAYER_UPPER": 1, "LAYER_LOWER": 2}


def test_global_variables_have_their_places(btf: Btf) -> None:
    assert btf.variables(".rodata")["snaplen"].format == "I"
    places = {name: field.offset for name, field in btf.variables(".bss").items()}
    assert len(set(places.values())) == len(places) > 2
    assert btf.variables(".bss")["wanted"].count == 2 * 1024


def test_a_section_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        elf_section(object_path("x86_64").read_bytes(), "nowhere")
