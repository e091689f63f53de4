"""Who is told of what, and when: pure rules about the rows of the board. Nothing is judged here."""
