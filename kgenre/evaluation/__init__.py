"""Evaluation on whole tracks: protocol, metrics, report, plots."""
