"""Whether everything is set up as it should be: findings, each with what to do about it."""
