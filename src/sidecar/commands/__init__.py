"""The commands of ``backup-glance``, one a file: each adds itself to the parser and runs."""
