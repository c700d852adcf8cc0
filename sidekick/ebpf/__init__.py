"""The kernel's side: programs, their records' layout, and a thin binding of libbpf."""
