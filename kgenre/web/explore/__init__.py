"""The map of a library in the browser: what it is asked, what it is sent, and its page."""
