"""Kubernetes audit events, pure: what rules read of them, and what a request's body holds."""
