"""Measurements, printed as tables and written to docs/benchmarks.md."""
