"""The promises of each port as checks that run over any adapter."""
