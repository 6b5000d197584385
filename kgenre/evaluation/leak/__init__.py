"""How much of a metric is leakage: one network and one budget under protocols that leak, and that do not."""
