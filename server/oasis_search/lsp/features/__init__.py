"""What the server does, one file per concern; each registers its own handlers."""
