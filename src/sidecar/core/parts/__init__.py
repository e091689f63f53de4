"""Parts: who should be backed up by which job to which destination, and what was seen there."""
