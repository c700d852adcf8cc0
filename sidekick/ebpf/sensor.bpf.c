// SPDX-License-Identifier: GPL-2.0
/*
 * The sensor's programs, one object. Every topic has a header; see event.h for what comes out.
 */
#include "vmlinux.h"
#include "calls.bpf.h"
#include "processes.bpf.h"
#include "uring.bpf.h"

/* The digest of the sources, so that a test can tell whether object and source agree. */
const char SOURCES_DIGEST[] SEC("sources") = DIGEST;

char LICENSE[] SEC("license") = "GPL";
