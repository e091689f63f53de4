"""Vault as the sidecar meets it: against a real OpenBao server over TLS."""
