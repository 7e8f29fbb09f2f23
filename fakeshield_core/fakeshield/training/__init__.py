"""LoRA training of the DTE-FDM and the MFLM by the published recipes, and export in the official layout."""
