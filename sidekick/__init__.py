"""sidekick routes runtime security alerts: deduplicates, scores, routes and durably delivers."""

__version__ = "0.1.0"
