"""``make soak``: what only shows after thousands of refreshes, or in thousands of cases. See ``__main__.py``."""
