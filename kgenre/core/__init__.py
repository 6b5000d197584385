"""What every other package may use: errors, settings, files, downloads, progress, processes, metrics."""
