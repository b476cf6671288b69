"""Benchmarks: `make bench`. They print medians of interleaved rounds and ratios, and judge nothing by the clock."""
