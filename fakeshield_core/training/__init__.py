"""Training of the compact network, from photographs to card: `python -m fakeshield_core train-compact`."""
