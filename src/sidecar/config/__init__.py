"""The configuration file: its model, how it is loaded, and what it means to the judgement."""
