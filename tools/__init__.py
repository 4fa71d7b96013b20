"""Seeded traffic generators with known truth, and what deploys a probe."""
