"""Search in a library: neighbours, filters, paths between songs."""
