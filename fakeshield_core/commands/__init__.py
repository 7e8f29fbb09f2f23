"""The commands of `python -m fakeshield_core`: arguments in, an Outcome out."""
