"""``millrace models pull``: a file of a hub into its cache, whole, resumed and checked."""
