"""Distillation: what a large model knows, for a small one to learn."""
