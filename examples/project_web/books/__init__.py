"""The app of the books: a table, and pages that list, show, add, change and delete its rows."""
