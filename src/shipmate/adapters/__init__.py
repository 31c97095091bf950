"""One module per real system, imported by bootstrap alone."""
