"""Scorers: what a reply, a search or a reading is worth, from 0 to 1."""
