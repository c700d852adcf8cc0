"""The names of Falco's fields by their type, as ``falco --list`` of 0.44 and the plugins have them.

Fields with peculiarities (arguments, several values, operators of their own) are in
``falco_fields``; those here are one value each.
"""

from __future__ import annotations

STRINGS = """
evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.source evt.pluginname
evt.plugininfo evt.asynctype evt.hostname evt.latency.human evt.outputtime evt.dir evt.category
evt.args evt.info evt.res evt.io_dir evt.abspath evt.abspath.src evt.abspath.dst
proc.exe proc.pexe proc.exepath proc.pexepath proc.name proc.pname proc.cmdline proc.pcmdline
proc.exeline proc.cwd proc.sname proc.sid.exe proc.sid.exepath proc.vpgid.name proc.vpgid.exe
proc.vpgid.exepath proc.pgid.name proc.pgid.exe proc.pgid.exepath proc.stdin.type
proc.stdout.type proc.stderr.type proc.stdin.name proc.stdout.name proc.stderr.name
thread.cap_permitted thread.cap_inheritable thread.cap_effective thread.cgroups thread.nametid
user.name user.homedir user.shell user.loginname group.name
fd.type fd.typechar fd.name fd.nameraw fd.directory fd.filename fd.l4proto fd.sockfamily fd.uid
fd.containername fd.containerdirectory fd.cproto fd.sproto fd.lproto fd.rproto
fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw
fdlist.nums fdlist.names fdlist.cips fdlist.sips fdlist.cports fdlist.sports
container.id container.full_id container.name container.image container.image.id container.type
container.mounts container.image.repository container.image.tag container.image.digest
container.healthcheck container.liveness_probe container.readiness_probe container.ip
container.cni.json container.labels
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
jevt.obj jevt.rawtime json.obj json.rawtime
"""
KEYED_STRINGS = """
evt.arg container.mount container.mount.source container.mount.dest container.mount.mode
container.mount.rdwr container.mount.propagation container.label
k8s.pod.label k8s.rc.label k8s.svc.label k8s.ns.label k8s.rs.label k8s.deployment.label
ka.uri.param ka.req.binding.subject.has_name ka.req.volume.hostpath jevt.value json.value
"""
"""Those that need a key in brackets."""

STRING_LISTS = """
ka.user.groups ka.req.binding.subjects ka.req.binding.subjects.user_names
ka.req.binding.subjects.serviceaccount_names ka.req.binding.subjects.serviceaccount_ns_names
ka.req.binding.subjects.group_names ka.req.pod.supplemental_groups ka.req.role.rules
ka.req.role.rules.apiGroups ka.req.role.rules.nonResourceURLs ka.req.role.rules.verbs
ka.req.role.rules.resources ka.req.service.ports ka.sourceips ka.req.pod.volumes.hostpath
ka.req.pod.volumes.flexvolume_driver ka.req.pod.volumes.volume_type
"""
POD_CONTAINERS = "containers initContainers ephemeralContainers"
POD_CONTAINER_PARTS = """
args command name image image.repository host_port privileged allow_privilege_escalation
read_only_fs run_as_user eff_run_as_user run_as_group eff_run_as_group proc_mount add_capabilities
"""
"""``ka.req.pod.CONTAINERS.PART``, lists of strings; Falco has some of them for two of the three."""

BOOLS = """
evt.is_async evt.failed evt.is_io evt.is_io_read evt.is_io_write evt.is_wait evt.is_syslog
evt.is_open_read evt.is_open_write evt.is_open_exec evt.is_open_create
proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd
proc.is_sid_leader proc.is_vpgid_leader proc.is_pgid_leader proc.is_container_healthcheck
proc.is_container_liveness_probe proc.is_container_readiness_probe
thread.ismain fd.is_server fd.connected fd.name_changed fd.is_upper_layer fd.is_lower_layer
container.privileged container.host_pid container.host_network container.host_ipc
"""
INT16S = "evt.cpu"
INT32S = "fd.dev fd.dev.major fd.dev.minor"
INT64S = """
evt.rawres proc.loginshellid proc.pid proc.ppid proc.vpid proc.pvpid proc.sid proc.vpgid proc.pgid
proc.fdlimit proc.exe_ino thread.tid thread.vtid user.loginuid fd.num fd.ino
"""
UINT32S = """
evt.count evt.count.error evt.count.error.file evt.count.error.net evt.count.error.memory
evt.count.error.other evt.count.exit evt.count.procinfo evt.count.threadinfo proc.tty user.uid
group.gid
"""
UINT64S = """
evt.num evt.buflen evt.buflen.in evt.buflen.out evt.buflen.file evt.buflen.file.in
evt.buflen.file.out evt.buflen.net evt.buflen.net.in evt.buflen.net.out evt.latency.quantized
proc.cmdnargs proc.cmdlenargs proc.nthreads proc.nchilds proc.fdopencount proc.vmsize proc.vmrss
proc.vmswap proc.pidns_init_start_ts thread.pfmajor thread.pfminor thread.vmsize thread.vmrss
thread.vmsize.b thread.vmrss.b
"""
DOUBLES = "proc.fdusage thread.cpu thread.cpu.user thread.cpu.system"
RELTIMES = """
evt.reltime evt.reltime.s evt.reltime.ns evt.latency evt.latency.s evt.latency.ns
evt.wait_latency evt.deltatime evt.deltatime.s evt.deltatime.ns
proc.duration proc.ppid.duration proc.pid.ts proc.ppid.ts thread.exectime thread.totexectime
container.duration
"""
ABSTIMES = """
evt.rawtime evt.rawtime.s evt.rawtime.ns proc.exe_ino.ctime proc.exe_ino.mtime
proc.exe_ino.ctime_duration_proc_start proc.exe_ino.ctime_duration_pidns_start container.start_ts
"""
ADDRESSES = "fd.cip fd.sip fd.lip fd.rip"
NETWORKS = "fd.cnet fd.snet fd.lnet fd.rnet"
PORTS = "fd.cport fd.sport fd.lport fd.rport"
ANCESTORS = "proc.aname proc.aexe proc.aexepath proc.aargs proc.acmdline"
DOMAIN_NAMES = "fd.cip.name fd.sip.name fd.lip.name fd.rip.name"

OF_EVERY_SOURCE = """
evt.num evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.rawtime evt.rawtime.s
evt.rawtime.ns evt.reltime evt.reltime.s evt.reltime.ns evt.pluginname evt.plugininfo evt.source
evt.is_async evt.asynctype evt.hostname
"""
"""Those that events of plugins have, too."""
