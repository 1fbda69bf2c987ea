"""Whole experiments: what the demo and the tables of the documentation run."""
