"""What changes people, their rights and the workspace."""
