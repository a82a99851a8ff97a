"""What is made of the project for its users, beside the wheel."""
