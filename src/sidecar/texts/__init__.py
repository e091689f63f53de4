"""Hostile text made safe to keep and to show: characters that nobody sees, and our own secrets, in whatever form they come."""
