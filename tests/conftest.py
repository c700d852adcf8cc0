"""What all tests may use: the real servers; and how hypothesis runs."""

from __future__ import annotations

import os
import sys

import hypothesis

# Tests start hundreds of programs: their modules are compiled once, not at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["tests.servers.fixtures"]

# Other work on the machine can hold up any example; how long one takes is not what is tested.
hypothesis.settings.register_profile("sidekick", deadline=None)
hypothesis.settings.load_profile("sidekick")
