"""Songs of a library: nearest ones, paths, filters."""
