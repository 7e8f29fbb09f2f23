"""Conformity: every value of a golden folder, computed again by our modules and compared."""
