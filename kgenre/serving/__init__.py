"""Models that answer: the interface, the catalogue, prediction of tracks, exports."""
