"""The stores behind the caches, each in its module; ``base`` says what they have in common."""
