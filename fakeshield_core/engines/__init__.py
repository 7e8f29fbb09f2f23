"""Engines: one adapter file each; heavy imports happen inside these files only."""
