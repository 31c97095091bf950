"""Shipmate turns a folder of plain files into an assistant that a team can trust, ship and keep improving."""

__all__ = ["__version__"]

__version__ = "0.1.0"
