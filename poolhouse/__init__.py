"""Poolhouse: a self-hosted identity service that speaks Amazon Cognito's language."""
