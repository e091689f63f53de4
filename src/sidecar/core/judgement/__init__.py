"""Judgement: one verdict per expectation, by the numbered rules of docs/verdicts.md.

To read it, begin with ``judge.py``, the list of the rules in their order, and ``case.py``, what they are asked of. Each
rule has a file. ``judged.py`` makes the verdicts of a part from those of its expectations.
"""
