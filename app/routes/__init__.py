"""One module per family of URLs; a route is three lines: parse, submit, respond."""
