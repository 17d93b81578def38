"""Error pages: what a client sees when a request fails."""
