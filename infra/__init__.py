"""What is deployed, besides the functions' code."""
