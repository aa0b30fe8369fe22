"""The live page and its small API."""
