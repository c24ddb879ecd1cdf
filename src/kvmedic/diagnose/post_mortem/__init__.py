"""Post-mortem rules: one file for each cause, judged on one incident; how incidents are found and told."""
