"""One file for each verb: orchestrates stages and ports."""
