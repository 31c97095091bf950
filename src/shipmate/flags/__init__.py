"""Who is in which arm: sticky assignments, without a service to begin with."""
