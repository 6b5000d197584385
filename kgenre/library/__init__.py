"""A personal music library: scanned, kept in one SQLite file, searched, made into playlists."""
