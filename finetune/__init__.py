"""Retraining on corrections: release, LoRA, gate, promotion. A process of its own beside the app."""
