"""The configuration file: its model, how it is loaded, and the settings that the judgement reads."""
