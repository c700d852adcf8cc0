"""Falco's fields: those of system calls, of containers and Kubernetes, and of audit events.

From the field lists that Falco documents (``falco --list``), the container, k8saudit and json
plugins. A field that no source fills is NULL; it loads all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sidekick.rules.event_types import EVENT_TYPES
from sidekick.rules.fields import Argument, FieldKind, FieldRegistry, FieldType, Shape

_STRINGS = """
evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.deltatime evt.source
evt.plugininfo evt.pluginname evt.asynctype evt.dir evt.type evt.category evt.args evt.info evt.res
evt.hostname evt.abspath
syscall.type
proc.exe proc.pexe proc.exepath proc.pexepath proc.name proc.pname proc.args proc.cmdline
proc.pcmdline proc.acmdline proc.cwd proc.loginshellid proc.exeline proc.sname proc.sid.exe
proc.sid.exepath proc.vpgid.name proc.vpgid.exe proc.vpgid.exepath proc.pgid.name proc.pgid.exe
proc.pgid.exepath proc.env proc.fdlimit.usage
thread.cap_permitted thread.cap_inheritable thread.cap_effective thread.cgroups
thread.exectime.human
user.name user.homedir user.shell user.loginname group.name
fd.type fd.typechar fd.name fd.directory fd.filename fd.cproto fd.sproto fd.lproto
fd.rproto fd.l4proto fd.sockfamily fd.uid fd.containername fd.containerdirectory fd.nameraw
fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw
container.id container.full_id container.name container.image container.image.id container.type
container.mounts container.image.repository container.image.tag container.image.digest
container.healthcheck container.liveness_probe container.readiness_probe container.ip
container.cni.json container.labels container.info
k8s.pod.name k8s.pod.id k8s.pod.uid k8s.pod.sandbox_id k8s.pod.full_sandbox_id k8s.pod.labels
k8s.pod.ip k8s.pod.cni.json k8s.rc.name k8s.rc.id k8s.rc.labels k8s.svc.name k8s.svc.id
k8s.svc.labels k8s.ns.name k8s.ns.id k8s.ns.labels k8s.rs.name k8s.rs.id k8s.rs.labels
k8s.deployment.name k8s.deployment.id k8s.deployment.labels
ka.auditid ka.stage ka.auth.decision ka.auth.reason ka.auth.openshift.decision
ka.auth.openshift.username ka.validations.admission.policy.failure ka.security.pod.violations
ka.user.name ka.impuser.name ka.verb ka.uri ka.target.name ka.target.namespace ka.target.resource
ka.target.subresource ka.target.pod.name ka.req.binding.role ka.req.configmap.name
ka.req.configmap.obj ka.req.container.image ka.req.container.image.repository
ka.req.container.host_network ka.req.container.privileged ka.req.pod.host_ipc
ka.req.pod.host_network ka.req.pod.host_pid ka.req.pod.run_as_user ka.req.pod.run_as_group
ka.req.pod.fs_group ka.req.service.type ka.resp.name ka.response.code ka.response.reason
ka.useragent ka.cluster.name
jevt.obj jevt.rawtime jevt.plugininfo json.obj json.rawtime
"""
_KEYED_STRINGS = """
evt.arg proc.env container.mount container.mount.name container.mount.source container.mount.dest
container.mount.mode container.mount.rdwr container.mount.propagation container.label
k8s.pod.label k8s.rc.label k8s.svc.label k8s.ns.label k8s.rs.label k8s.deployment.label
thread.cgroup ka.uri.param ka.req.binding.subject.has_name ka.req.volume.hostpath
jevt.value json.value
"""
_OPTIONAL_KEYS = frozenset({"proc.env"})
_STRING_LISTS = """
ka.user.groups ka.req.binding.subjects ka.req.binding.subjects.user_names
ka.req.binding.subjects.serviceaccount_names ka.req.binding.subjects.serviceaccount_ns_names
ka.req.binding.subjects.group_names ka.req.pod.supplemental_groups ka.req.role.rules
ka.req.role.rules.apiGroups ka.req.role.rules.nonResourceURLs ka.req.role.rules.verbs
ka.req.role.rules.resources ka.req.service.ports ka.sourceips ka.req.pod.volumes.hostpath
ka.req.pod.volumes.flexvolume_driver ka.req.pod.volumes.volume_type
"""
_POD_CONTAINERS = "containers initContainers ephemeralContainers"
_POD_CONTAINER_PARTS = """
args command name image image.repository host_port privileged allow_privilege_escalation
read_only_fs run_as_user eff_run_as_user run_as_group eff_run_as_group proc_mount add_capabilities
"""
_BOOLS = """
evt.is_syscall evt.is_io evt.is_io_read evt.is_io_write evt.is_wait evt.is_async evt.is_open_read
evt.is_open_write evt.is_open_exec evt.is_open_create evt.failed
proc.is_container_healthcheck proc.is_container_liveness_probe proc.is_container_readiness_probe
proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd
proc.is_sid_leader proc.is_vpgid_leader proc.is_pgid_leader proc.exe_writable proc.stdin.terminal
thread.ismain fd.is_server fd.is_upper_layer fd.is_lower_layer fd.connected fd.name_changed
container.privileged container.host_pid container.host_network container.host_ipc
"""
_INT64S = """
evt.rawres evt.cpu proc.pid proc.ppid proc.vpid proc.pvpid proc.sid proc.vpgid proc.pgid
proc.loginshellid user.loginuid fd.num thread.tid thread.vtid
"""
_UINT64S = """
evt.num evt.count evt.count.error evt.count.error.file evt.count.error.net evt.count.error.memory
evt.count.error.other evt.count.exit evt.count.procinfo evt.count.threadinfo evt.around
evt.buflen proc.nthreads proc.nchilds proc.fdopencount proc.fdlimit proc.vmsize proc.vmrss
proc.vmswap proc.exe_ino thread.pfmajor thread.pfminor thread.vmsize thread.vmrss fd.ino
"""
_UINT32S = "user.uid group.gid proc.tty fd.dev fd.dev.major fd.dev.minor"
_RELTIMES = """
evt.latency evt.latency.ns evt.latency.human evt.deltatime.ns evt.reltime evt.reltime.s
evt.reltime.ns proc.duration proc.ppid.duration
proc.pid.duration proc.exe_ino.ctime_duration_proc_start proc.exe_ino.ctime_duration_pidns_start
thread.exectime thread.totexectime container.duration
"""
_ABSTIMES = """
evt.rawtime evt.rawtime.s evt.rawtime.ns proc.pid.ts proc.ppid.ts proc.exe_ino.ctime
proc.exe_ino.mtime proc.pidns_init_start_ts container.start_ts
"""
_ADDRESSES = "fd.cip fd.sip fd.lip fd.rip"
_NETWORKS = "fd.cnet fd.snet fd.lnet fd.rnet"
_PORTS = "fd.cport fd.sport fd.lport fd.rport"
_ANCESTORS = "proc.aname proc.aexe proc.aexepath proc.acmdline"
_NAMES = "fd.cip.name fd.sip.name fd.lip.name fd.rip.name"


def _syscall_kinds() -> Iterator[tuple[str, FieldKind]]:
    for type_, table in (
        (FieldType.STRING, _STRINGS),
        (FieldType.BOOL, _BOOLS),
        (FieldType.INT64, _INT64S),
        (FieldType.UINT64, _UINT64S),
        (FieldType.UINT32, _UINT32S),
        (FieldType.RELTIME, _RELTIMES),
        (FieldType.ABSTIME, _ABSTIMES),
        (FieldType.ADDRESS, _ADDRESSES),
        (FieldType.PORT, _PORTS),
    ):
        yield from ((name, FieldKind(type_)) for name in table.split())
    for name in ("evt.type", "syscall.type"):
        yield name, FieldKind(FieldType.STRING, constants=EVENT_TYPES)
    for name in _NETWORKS.split():
        yield name, FieldKind(FieldType.NETWORK, right=False)
    for name in _KEYED_STRINGS.split():
        required = name not in _OPTIONAL_KEYS
        transforms = name != "evt.arg"
        yield (
            name,
            FieldKind(
                FieldType.STRING, argument=Argument.KEY, required=required, transforms=transforms
            ),
        )
    yield from _peculiar_kinds()


def _peculiar_kinds() -> Iterator[tuple[str, FieldKind]]:
    for name in _ANCESTORS.split():
        yield name, _ancestors(FieldType.STRING, Argument.INDEX)
    yield "proc.apid", _ancestors(FieldType.INT64, Argument.INDEX)
    yield "proc.aenv", _ancestors(FieldType.STRING, Argument.KEY)
    # Falco hands ``in`` for fd.ip a length of 0, which matches nothing, and compares fd.net with
    # the first constant only; rules in use count on what these match today.
    yield "fd.ip", _either(FieldType.ADDRESS, "none")
    yield "fd.net", _either(FieldType.NETWORK, "first")
    yield "fd.port", _either(FieldType.PORT, "all")
    yield "fd.proto", _either(FieldType.STRING, "all")
    for name in _NAMES.split():
        operators = frozenset({"=", "==", "!=", "in", "exists"})
        yield (
            name,
            FieldKind(
                FieldType.STRING, Shape.EITHER, right=False, transforms=False, operators=operators
            ),
        )
    yield "fd.types", FieldKind(FieldType.STRING, Shape.LIST, right=False)
    yield "evt.buffer", FieldKind(FieldType.BYTES)
    yield "evt.buffer64", FieldKind(FieldType.STRING)


def _ancestors(type_: FieldType, argument: Argument) -> FieldKind:
    return FieldKind(
        type_, Shape.ANCESTORS, argument, with_argument=Shape.ONE, right=False, transforms=False
    )


def _either(type_: FieldType, in_matches: str) -> FieldKind:
    return FieldKind(type_, Shape.EITHER, right=False, transforms=False, in_matches=in_matches)


def _audit_kinds() -> Iterator[tuple[str, FieldKind]]:
    kind = FieldKind(FieldType.STRING, Shape.LIST, Argument.INDEX)
    yield from ((name, kind) for name in _STRING_LISTS.split())
    for group in _POD_CONTAINERS.split():
        for part in _POD_CONTAINER_PARTS.split():
            yield f"ka.req.pod.{group}.{part}", kind


FALCO_FIELDS = FieldRegistry(
    kinds={**dict(_syscall_kinds()), **dict(_audit_kinds())},
    prefixes={
        "evt.arg.": FieldKind(FieldType.STRING, transforms=False),
        # The type of a raw argument is that of the event's own parameter.
        "evt.rawarg.": FieldKind(FieldType.DYNAMIC, right=False, transforms=False),
        "evt.type.is.": FieldKind(FieldType.UINT32),
    },
)
"""Every field that Falco 0.44 knows for system calls and Kubernetes audit events."""

_GENERIC = frozenset(
    {
        "evt.num",
        "evt.time",
        "evt.time.s",
        "evt.time.iso8601",
        "evt.datetime",
        "evt.datetime.s",
        "evt.rawtime",
        "evt.rawtime.s",
        "evt.rawtime.ns",
        "evt.reltime",
        "evt.reltime.s",
        "evt.reltime.ns",
        "evt.pluginname",
        "evt.plugininfo",
        "evt.source",
        "evt.is_async",
        "evt.asynctype",
        "evt.hostname",
    }
)
_AUDIT = ("ka.", "jevt.", "json.")


def _chosen(names: Callable[[str], bool], prefixes: bool) -> FieldRegistry:
    kinds = {name: kind for name, kind in FALCO_FIELDS.kinds.items() if names(name)}
    return FieldRegistry(kinds, FALCO_FIELDS.prefixes if prefixes else {})


SOURCES: Mapping[str, FieldRegistry] = {
    "syscall": _chosen(lambda name: not name.startswith(_AUDIT), prefixes=True),
    "k8s_audit": _chosen(lambda name: name.startswith(_AUDIT) or name in _GENERIC, prefixes=False),
}
"""The fields that rules of each source may use."""
