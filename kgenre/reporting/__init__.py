"""Reports: what a model gets wrong, as one HTML page that needs no network, and the files behind its figures."""
