"""The judgement: pure functions of reports, history, configuration and a moment. No I/O, no clock."""
