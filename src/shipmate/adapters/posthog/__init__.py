"""A server that speaks PostHog's protocol: its flags say who is in which arm, and it is told what came of it."""

from shipmate.adapters.posthog.client import PostHogClient, PostHogSettings
from shipmate.adapters.posthog.export import Exporter
from shipmate.adapters.posthog.flags import PostHogFlag

__all__ = ["Exporter", "PostHogClient", "PostHogFlag", "PostHogSettings"]
