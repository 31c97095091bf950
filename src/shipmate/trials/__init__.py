"""Composition of what tries a variant on live traffic: pilot and canary."""
