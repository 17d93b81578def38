"""HTTP modules: hooks for single routes, run by their middleware."""
