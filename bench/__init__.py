"""Benchmarks: accuracy beside baselines, and time and memory beside the budgets."""
