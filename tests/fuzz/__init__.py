"""Real answers, queries and configurations, changed by chance: ``make test`` tries a few of each, ``make soak`` thousands."""
