"""Who is in which arm of a trial, and who has seen it."""
