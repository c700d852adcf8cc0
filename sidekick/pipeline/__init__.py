"""What happens to an alert between a source and the lanes: pure, synchronous, time given.

fingerprint > dedup > enrich > score > silence, inhibit > route; ``process`` composes them. The
order is part of the domain and cannot be configured.
"""
