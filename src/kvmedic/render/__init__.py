"""Reports to text, JSON, HTML, Markdown, metrics and pictures. Pure."""
