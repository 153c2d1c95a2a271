"""Segmentation of cells and nuclei without user masks, and quality measures of masks."""
