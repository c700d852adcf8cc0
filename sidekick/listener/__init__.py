"""HTTP for machines that send events: connections, bodies, who may send, TLS."""
