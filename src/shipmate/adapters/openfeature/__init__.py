"""OpenFeature, both ways: our flags for other people's code, and any provider's flag for our trials."""

from shipmate.adapters.openfeature.provider import ShipmateProvider
from shipmate.adapters.openfeature.source import OpenFeatureFlag, OpenFeatureSettings

__all__ = ["OpenFeatureFlag", "OpenFeatureSettings", "ShipmateProvider"]
