"""What people and programs see: the Board as a page, as JSON, behind a key. Never imports sources."""
