"""Where training text comes from: repositories to functions, with what must be left out left out."""
