"""Vault: login with an AppRole, reading secrets, enrolment."""
