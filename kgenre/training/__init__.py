"""Training: the plan of an epoch, batches, fit, the run folder."""
