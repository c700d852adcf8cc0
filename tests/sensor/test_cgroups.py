from __future__ import annotations

import pytest

from sidekick.sensor.cgroups import HOST, container_of

ID = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e"
OTHER = "0" * 64


@pytest.mark.parametrize(
    ("path", "engine"),
    [
        (f"/docker/{ID}", "docker"),
        (f"/system.slice/docker-{ID}.scope", "docker"),
        (f"/docker/{OTHER}/docker/{ID}", "docker"),
        (f"/docker/{OTHER}/system.slice/docker-{ID}.scope", "docker"),
        (f"/libpod_parent/libpod-{ID}", "podman"),
        (f"/machine.slice/libpod-{ID}.scope", "podman"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman"),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", "podman"),
        (f"/machine.slice/libpod-payload-{ID}", "podman"),
        (f"/kubepods/besteffort/pod1b2c3d4e-aaaa-bbbb-cccc-0123456789ab/{ID}", "cri"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", "cri"),
        (f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope", "cri"),
        (f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}", "cri"),
        (f"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{ID}", "cri"),
        (f"/system.slice/nerdctl-{ID}.scope", "cri"),
        (f"/lxc/{ID}", "docker"),
    ],
)
def test_a_runtimes_layout_gives_the_id(path: str, engine: str) -> None:
    assert container_of(path) == (ID, engine)


@pytest.mark.parametrize(
    ("path", "id_", "engine"),
    [
        ("/lxc/web", "web", "lxc"),
        ("/lxc.payload/web", "web", "lxc"),
        ("/lxc.payload.web", "web", "lxc"),
        ("/machine/web.libvirt-lxc", "web", "libvirt-lxc"),
        ("/machine.slice/machine-lxc\\x2dweb.scope", "web", "libvirt-lxc"),
        ("/libvirt/lxc/web", "web", "libvirt-lxc"),
        ("/system.slice/runc-bpm-router.scope", "router", "bpm"),
    ],
)
def test_engines_without_long_ids_give_the_name(path: str, id_: str, engine: str) -> None:
    assert container_of(path) == (id_, engine)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/init.scope",
        "/system.slice/ssh.service",
        "/user.slice/user-0.slice/session-1.scope",
        f"/docker/{ID[:-1]}",
        f"/docker/{ID}0",
        f"/docker/{ID[:-1]}g",
        f"/docker/{ID}/inner",
        "/docker/" + "x" * 64,
    ],
)
def test_everything_else_is_the_host(path: str) -> None:
    assert container_of(path) == HOST


def test_a_path_of_two_parts_is_containerds_only_where_that_runs() -> None:
    assert container_of("/default/redis", containerd=True) == ("redis", "containerd")
    assert container_of("/default/redis") == HOST
    assert container_of("/system.slice/ssh.service", containerd=True) == HOST
    assert container_of("/a/b/c", containerd=True) == HOST
    assert container_of("/default/" + "a" * 65, containerd=True) == HOST
