"""Seeded mobile traffic with known truth: `generate(scenario, folder)` writes a capture and what happened in it."""

from tools.scenario.capture_file import CaptureOptions
from tools.scenario.config import PRESETS, RADIO_PRESETS, Scenario, demo_scenario, radio_demo_scenario
from tools.scenario.simulate import generate
from tools.scenario.truth import Truth

__all__ = [
    "PRESETS",
    "RADIO_PRESETS",
    "CaptureOptions",
    "Scenario",
    "Truth",
    "demo_scenario",
    "generate",
    "radio_demo_scenario",
]
