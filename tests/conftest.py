"""What all tests may use: the real servers; and how hypothesis runs."""

from __future__ import annotations

import hypothesis

pytest_plugins = ["tests.servers.fixtures"]

# Other work on the machine can hold up any example; how long one takes is not what is tested.
hypothesis.settings.register_profile("sidekick", deadline=None)
hypothesis.settings.load_profile("sidekick")
