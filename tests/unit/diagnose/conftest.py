"""Puts ``snapshots`` within reach of the tests below this folder."""
