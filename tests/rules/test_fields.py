"""The fields that conditions know: their kinds, families, arguments and suggestions."""

from __future__ import annotations

from collections import Counter

import pytest

from sidekick.errors import ConditionError
from sidekick.rules import falco_names
from sidekick.rules.alert_fields import ALERT_FIELDS
from sidekick.rules.ast import Field, Place
from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
from sidekick.rules.fields import Argument, FieldKind, FieldRegistry, FieldType, Shape

# The union of what the conditions and outputs of Falco's own rules ask for.
_IN_USE = """
container.id container.image.repository container.image.tag container.mount.dest[*]
container.mounts container.name container.privileged container.start_ts
evt.arg.cmd evt.arg.domain evt.arg.fd evt.arg.filename evt.arg.flags evt.arg.linkpath evt.arg.mode
evt.arg.name evt.arg.newpath evt.arg.oldpath evt.arg.path evt.arg.request evt.arg.target
evt.arg.uid evt.args evt.buffer evt.is_open_exec evt.is_open_read evt.is_open_write evt.num
evt.rawres evt.res evt.type
fd.cip fd.cip.name fd.cnet fd.connected fd.directory fd.filename fd.ip fd.l4proto fd.lip.name
fd.lport fd.name fd.name_changed fd.nameraw fd.net fd.num fd.port fd.rip fd.rip.name fd.rnet
fd.rport fd.sip fd.sip.name fd.snet fd.sockfamily fd.sport fd.type fd.typechar
group.gid group.name k8s.ns.name k8s.pod.name
proc.aexe[2] proc.aexepath[2] proc.aname proc.aname[2] proc.args proc.cmdline proc.cwd
proc.duration proc.env proc.exe proc.exe_ino.ctime proc.exe_ino.ctime_duration_proc_start
proc.exe_ino.mtime proc.exepath proc.is_exe_from_memfd proc.is_exe_upper_layer
proc.is_vpgid_leader proc.name proc.pcmdline proc.pexe proc.pexepath proc.pname proc.sname
proc.tty proc.vpid thread.cap_effective thread.cap_permitted
user.loginname user.loginuid user.name user.uid
ka.auth.decision ka.auth.reason ka.req.binding.role ka.req.binding.subjects
ka.req.configmap.name ka.req.configmap.obj ka.req.pod.containers.image
ka.req.pod.containers.image.repository ka.req.pod.containers.privileged
ka.req.pod.ephemeralContainers.privileged ka.req.pod.host_ipc ka.req.pod.initContainers.image
ka.req.pod.volumes.hostpath ka.req.role.rules ka.req.role.rules.resources
ka.req.role.rules.verbs ka.req.service.ports ka.req.service.type ka.resp.name ka.response.code
ka.response.reason ka.target.name ka.target.namespace ka.target.resource ka.target.subresource
ka.uri ka.uri.param[command] ka.user.name ka.verb jevt.obj jevt.rawtime jevt.value[/stage]
"""


def field(text: str) -> Field:
    name, bracket, rest = text.partition("[")
    return Field(name, rest.removesuffix("]") if bracket else None, Place(3, 7))


@pytest.mark.parametrize("text", _IN_USE.split())
def test_every_field_that_the_official_rules_use_is_known(text: str) -> None:
    found = FALCO_FIELDS.resolve(field(text))
    assert found.key == text
    in_an_alert = ALERT_FIELDS.resolve(field(text))
    assert in_an_alert.kind.loose, "what comes as JSON may be of another type"


@pytest.mark.parametrize(
    ("text", "type_", "shape"),
    [
        ("proc.name", FieldType.STRING, Shape.ONE),
        ("proc.pid", FieldType.INT64, Shape.ONE),
        ("user.uid", FieldType.UINT32, Shape.ONE),
        ("fd.sport", FieldType.PORT, Shape.ONE),
        ("fd.sip", FieldType.ADDRESS, Shape.ONE),
        ("fd.snet", FieldType.NETWORK, Shape.ONE),
        ("fd.ip", FieldType.ADDRESS, Shape.EITHER),
        ("fd.types", FieldType.STRING, Shape.LIST),
        ("fd.types[0]", FieldType.STRING, Shape.LIST),
        ("fd.proto", FieldType.PORT, Shape.EITHER),
        ("fd.dev.major", FieldType.INT32, Shape.ONE),
        ("evt.cpu", FieldType.INT16, Shape.ONE),
        ("evt.count.error.net", FieldType.UINT32, Shape.ONE),
        ("evt.deltatime", FieldType.RELTIME, Shape.ONE),
        ("evt.latency.human", FieldType.STRING, Shape.ONE),
        ("evt.rawarg.flags", FieldType.DYNAMIC, Shape.ONE),
        ("evt.type.is.open", FieldType.UINT32, Shape.ONE),
        ("evt.around[1404996934793590564]", FieldType.UINT64, Shape.ONE),
        ("proc.args[1]", FieldType.STRING, Shape.ONE),
        ("proc.aargs", FieldType.STRING, Shape.ANCESTORS),
        ("proc.aenv[PATH]", FieldType.STRING, Shape.ONE),
        ("proc.stdin.type", FieldType.STRING, Shape.ONE),
        ("thread.cpu.user", FieldType.DOUBLE, Shape.ONE),
        ("thread.cgroup.cpuacct", FieldType.STRING, Shape.ONE),
        ("fs.path.targetraw", FieldType.STRING, Shape.ONE),
        ("fdlist.sports", FieldType.STRING, Shape.ONE),
        ("container.host_pid", FieldType.BOOL, Shape.ONE),
        ("container.label[app]", FieldType.STRING, Shape.ONE),
        ("k8s.pod.cni.json", FieldType.STRING, Shape.ONE),
        ("ka.req.pod.ephemeralContainers.add_capabilities[0]", FieldType.STRING, Shape.LIST),
        ("proc.aname", FieldType.STRING, Shape.ANCESTORS),
        ("proc.aname[1]", FieldType.STRING, Shape.ONE),
        ("proc.apid", FieldType.INT64, Shape.ANCESTORS),
        ("evt.arg.anything", FieldType.STRING, Shape.ONE),
        ("evt.is_open_read", FieldType.BOOL, Shape.ONE),
        ("proc.duration", FieldType.RELTIME, Shape.ONE),
        ("proc.exe_ino.ctime", FieldType.ABSTIME, Shape.ONE),
        ("evt.buffer", FieldType.BYTES, Shape.ONE),
        ("ka.req.pod.containers.image", FieldType.STRING, Shape.LIST),
    ],
)
def test_a_field_has_the_type_and_shape_of_falcos(
    text: str, type_: FieldType, shape: Shape
) -> None:
    found = FALCO_FIELDS.resolve(field(text))
    assert (found.kind.type, found.shape) == (type_, shape)


def test_no_field_is_in_two_tables() -> None:
    others = ("OF_EVERY_SOURCE", "POD_CONTAINERS", "POD_CONTAINER_PARTS")
    tables = (t for name, t in vars(falco_names).items() if name.isupper() and name not in others)
    names = [name for table in tables for name in table.split()]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(falco_names.OF_EVERY_SOURCE.split()) <= set(names)


@pytest.mark.parametrize(
    ("source", "known", "unknown"),
    [
        ("syscall", "proc.name evt.type fd.name k8s.ns.name evt.hostname", "ka.verb jevt.obj"),
        ("k8s_audit", "ka.verb jevt.rawtime evt.num evt.source", "proc.name evt.arg.flags fd.name"),
    ],
)
def test_a_source_has_its_own_fields(source: str, known: str, unknown: str) -> None:
    assert all(SOURCES[source].kind(name) for name in known.split())
    assert not any(SOURCES[source].kind(name) for name in unknown.split())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("proc.nmae", 'nonexistent field "proc.nmae"; did you mean "proc.name"?'),
        ("nothing.like.it", 'nonexistent field "nothing.like.it"'),
        ("proc.name[1]", 'takes no argument, found "[1]"'),
        ("proc.aname[first]", 'takes a number from 0 on as argument, found "first"'),
        ("proc.aname[-1]", "a number from 0 on"),
        ("container.mount.dest", "needs an argument"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused_at_its_place(text: str, reason: str) -> None:
    with pytest.raises(ConditionError) as raised:
        FALCO_FIELDS.resolve(field(text))
    assert reason in raised.value.reason
    assert (raised.value.line, raised.value.column) == (3, 7)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("alert.rule", "alert.rule"),
        ("alert.field[plain]", "plain"),
        ("any.other", "any.other"),
        ("any.other[key]", "any.other[key]"),
    ],
)
def test_an_alert_has_any_output_field_by_its_name(text: str, key: str) -> None:
    assert ALERT_FIELDS.resolve(field(text)).key == key


@pytest.mark.parametrize("text", ["alert.rul", "alert.field", "alert.anything"])
def test_but_no_field_of_its_own_that_does_not_exist(text: str) -> None:
    with pytest.raises(ConditionError):
        ALERT_FIELDS.resolve(field(text))


def test_a_registry_can_be_extended_as_by_a_plugin() -> None:
    kind = FieldKind(FieldType.UINT64, argument=Argument.KEY, required=True)
    extended = FALCO_FIELDS.extended({"plugin.count": kind})
    assert extended.resolve(field("plugin.count[x]")).kind is kind
    with pytest.raises(ConditionError):
        FALCO_FIELDS.resolve(field("plugin.count[x]"))


def test_a_family_needs_more_than_its_prefix() -> None:
    registry = FieldRegistry(kinds={}, prefixes={"a.b.": FieldKind(FieldType.STRING)})
    assert registry.kind("a.b.c") is not None
    assert registry.kind("a.b.") is None
