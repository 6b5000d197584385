"""Training: settings of a run, plan of an epoch, batches, fit, and the run folder."""
