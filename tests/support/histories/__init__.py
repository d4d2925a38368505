"""Records of concurrent operations, and the models that they are checked against."""
