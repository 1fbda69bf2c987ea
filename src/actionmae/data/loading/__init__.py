"""Manifest rows → `ClipBatch` on the host: which moments, read, cut to the region, stacked."""
