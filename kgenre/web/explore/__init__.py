"""The map of a library in the browser: server, data, page."""
