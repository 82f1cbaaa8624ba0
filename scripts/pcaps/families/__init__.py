"""One module a family of dialects."""
