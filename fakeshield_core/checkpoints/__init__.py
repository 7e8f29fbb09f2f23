"""Finding, verifying, reading and writing weights."""
