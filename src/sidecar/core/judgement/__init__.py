"""Judgement: one verdict per expectation, by the numbered rules of docs/verdicts.md."""
