"""Watches the kernel: records become events, events are matched, matches become alerts."""
