"""Releases and their trials: the artifact, comparison, impact, pilot, canary."""
