"""Everything that checks the project: see CONTRIBUTING.md for the map."""
