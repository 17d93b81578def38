"""Settings: where they come from, what they may hold, and the view of them that users import."""
