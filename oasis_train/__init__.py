"""The trainer: from folders of source code to model folders that the server loads."""
