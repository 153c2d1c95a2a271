"""
Extract a table of features
===========================

Extract features without any experiment, and look at them with pandas and matplotlib.
"""

# %%
# The table has one row for each cell. Features are read from the feature store if they were extracted before.

import tempfile

import matplotlib.pyplot as plt

import bench

folder = tempfile.TemporaryDirectory()
features = bench.extract_features(
    "phantom[patients=4,cells=6,size=96]", "size", jobs=1, store=f"{folder.name}/store"
).table
features.iloc[:5, :6]

# %%
# Feature names have the form ``family.feature.region``.

figure, axes = plt.subplots(figsize=(5.5, 4))
for label, cells in features.groupby("label"):
    axes.scatter(cells["size.area.cell"], cells["size.area.nucleus"], s=16, label=label)
axes.set(xlabel="size.area.cell (px²)", ylabel="size.area.nucleus (px²)")
axes.legend()
figure.tight_layout()
folder.cleanup()
