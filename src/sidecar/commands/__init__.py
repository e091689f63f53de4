"""The commands of ``backup-glance``, one per file: each adds itself to the parser and runs."""
