"""Schedules: when something is due, in the zone of whoever evaluates it."""
