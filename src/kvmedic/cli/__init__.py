"""The command line: a request, one call of app, one rendering."""
