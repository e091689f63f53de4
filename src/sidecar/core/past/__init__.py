"""What is remembered of the past, as it was judged then: history and report are made from it and judge nothing again."""
