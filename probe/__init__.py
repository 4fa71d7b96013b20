"""What acts: opens sources, orders the stages, closes windows, writes Parquet, speaks to people."""

__version__ = "0.1.0"
