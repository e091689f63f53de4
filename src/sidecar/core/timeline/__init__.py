"""Timeline: the due times of every job, and what became of each."""
