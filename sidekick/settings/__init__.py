"""The configuration: from a YAML file, the environment and the command line to ``Settings``."""

from sidekick.settings.load import load
from sidekick.settings.model import Settings
from sidekick.settings.reload import Watcher, changed_sections, needs_restart

__all__ = ["Settings", "Watcher", "changed_sections", "load", "needs_restart"]
