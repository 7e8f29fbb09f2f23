"""FakeShield v1 (22b): words, pixels, tokens and stages of the published system, on current libraries."""
