"""A real Glance with backup-glance on its page, for the demo, the browser tests and the pictures of the documentation."""
