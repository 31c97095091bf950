"""What the journal says of the work: first-turn resolution, hallucination, cost, latency, uptime."""
