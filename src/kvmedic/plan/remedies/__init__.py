"""One file for each remedy; its name is the remedy's permanent id with underscores."""
