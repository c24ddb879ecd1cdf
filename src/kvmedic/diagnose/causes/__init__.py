"""One file for each cause; its name is the cause's permanent id with underscores."""
