"""Who is told of a change: messages on their way out, and the dead man's switch."""
