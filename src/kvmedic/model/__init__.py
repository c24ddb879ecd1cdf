"""Nouns: frozen records of evidence, facts, findings, plans. No input or output, no clock."""
