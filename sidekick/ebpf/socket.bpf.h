/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Both ends of a socket, from the kernel's own structure.
 */
#ifndef SIDEKICK_SOCKET_H
#define SIDEKICK_SOCKET_H

#include "core_fixes.bpf.h"
#include "record.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SUN_PATH_OFFSET 2
#define SUN_PATH_MAX 108

static __always_inline void append_unix_path(struct scratch *scratch, struct text *text,
					     struct unix_sock *unix)
{
	struct unix_address *address = BPF_CORE_READ(unix, addr);
	u32 length;

	if (!address || !has_room(scratch))
		return;
	length = BPF_CORE_READ(address, len) - SUN_PATH_OFFSET;
	if (!length || length > SUN_PATH_MAX)
		return;
	if (!bpf_probe_read_kernel(record_end(scratch), length,
				   (void *)address + bpf_core_field_offset(struct unix_address, name) +
					   SUN_PATH_OFFSET))
		end_text(scratch, text, length);
}

static __always_inline void describe_unix(struct scratch *scratch, struct socket_part *part,
					  struct unix_sock *unix)
{
	struct unix_sock *peer = (void *)BPF_CORE_READ(unix, peer);

	append_unix_path(scratch, &part->local_path, unix);
	if (peer)
		append_unix_path(scratch, &part->remote_path, peer);
}

static __always_inline void describe_inet(struct socket_part *part, struct sock *sock)
{
	part->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	part->remote_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (part->family == AF_INET6) {
		BPF_CORE_READ_INTO(&part->local, sock, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&part->remote, sock, __sk_common.skc_v6_daddr);
		return;
	}
	BPF_CORE_READ_INTO((u32 *)part->local, sock, __sk_common.skc_rcv_saddr);
	BPF_CORE_READ_INTO((u32 *)part->remote, sock, __sk_common.skc_daddr);
}

static __always_inline void describe_socket(struct scratch *scratch, struct socket_part *part,
					    struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sock = BPF_CORE_READ(socket, sk);

	if (!sock)
		return;
	scratch->flags |= FLAG_SOCKET;
	part->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	part->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	part->type = BPF_CORE_READ(socket, type);
	part->protocol = BPF_CORE_READ(sock, sk_protocol);
	if (part->family == AF_INET || part->family == AF_INET6)
		describe_inet(part, sock);
	else if (part->family == AF_UNIX)
		describe_unix(scratch, part, (void *)sock);
}

#endif /* SIDEKICK_SOCKET_H */
