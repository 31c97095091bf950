"""Composition of what holds an assistant against its eval cases."""
