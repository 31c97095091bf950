"""Statistics that hold under peeking, clusters and small numbers; numbers in, numbers out."""
