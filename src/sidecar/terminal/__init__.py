"""What people see in a terminal: text that fits, colour where it helps, tables."""
