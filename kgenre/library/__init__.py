"""A personal music library: scanned into one SQLite file, searched, made into playlists."""
