"""Suites of other tools: read into cases, written out of them, and nothing lost on the way without being named."""
