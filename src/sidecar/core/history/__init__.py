"""History: what was seen before, and how a new report adds to it."""
