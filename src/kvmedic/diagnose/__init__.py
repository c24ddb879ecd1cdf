"""Facts to findings: one file for each cause. Pure."""
