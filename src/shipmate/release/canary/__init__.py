"""The trial of a candidate on a share of the traffic: what was counted, by which rules, and what follows from it."""
