"""One module per family of URLs, as the routes have them; each lists its ``OPERATIONS``."""
