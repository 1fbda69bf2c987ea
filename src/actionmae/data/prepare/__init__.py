"""Recordings as they were made → prepared files and a manifest, once, resumable. No torch."""
