"""Distillation: a small network learns to give what a teacher gives, on music without labels."""
