"""The robustness numbers as a page: findings, charts, tables."""
