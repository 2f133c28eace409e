"""The server apps and the REST interface."""
