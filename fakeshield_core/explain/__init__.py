"""Explanations made of measurements: evidence and mask to claims, claims to a short note."""

from fakeshield_core.explain.claims import claims_from
from fakeshield_core.explain.consistency import contradictions
from fakeshield_core.explain.grounded import GroundedExplainer
from fakeshield_core.explain.outline import compose

__all__ = ["GroundedExplainer", "claims_from", "compose", "contradictions"]
