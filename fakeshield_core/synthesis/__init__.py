"""Forgeries and scenes made by ourselves, seeded, with mask and full history."""
