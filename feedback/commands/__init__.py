"""The commands of `python -m feedback`: arguments in, an Outcome out."""
