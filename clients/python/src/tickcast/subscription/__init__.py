"""Subscriptions: one filter each, across all connections."""
