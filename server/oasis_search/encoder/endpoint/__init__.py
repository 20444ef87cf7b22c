"""Vectors from an OpenAI-compatible server; nothing here runs unless the user set one up."""
