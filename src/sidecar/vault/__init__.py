"""Vault: login through an AppRole, reading secrets, enrolment."""
