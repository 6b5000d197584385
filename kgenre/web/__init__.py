"""Web apps on this machine: the guard that they share, and the apps."""
