"""Facts and findings to options and plans: what could be done, compared. Pure."""
