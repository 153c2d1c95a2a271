"""
How much an image-level split overestimates
===========================================

The classes of these synthetic cells do not differ (``effect=0``), but patients can be recognised (``signature=3``). The
correct AUROC is 0.5.
"""

# %%
# Both experiments use the same cells and pipeline. With ``split="image"``, cells of one patient are in both training
# and test sets; the results are marked ``LEAKY``.

import tempfile

import matplotlib.pyplot as plt

import bench

folder = tempfile.TemporaryDirectory()
scores = {
    split: bench.run(
        "color",
        "knn",
        data="phantom[patients=10,cells=8,size=96,spread=0,effect=0,signature=3]",
        split=split,
        folds=4,
        jobs=1,
        out=f"{folder.name}/results",
        store=f"{folder.name}/store",
    )
    .scores.set_index("metric")
    .loc["auroc_patient"]
    for split in ("patient", "image")
}
{split: round(float(score["value"]), 2) for split, score in scores.items()}

# %%
# The image-level split scores the recognition of patients, not of the disease.

figure, axes = plt.subplots(figsize=(6, 2.2))
for y, score in enumerate(scores.values()):
    axes.plot([score["low"], score["high"]], [y, y], color="#0b6b74")
    axes.plot(score["value"], y, "o", color="#0b6b74")
axes.axvline(0.5, color="grey", linestyle=":")
axes.set_yticks([0, 1], [f"folds by {split}" for split in scores])
axes.set(xlim=(0, 1.02), ylim=(-0.5, 1.5), xlabel="AUROC, patient-weighted, 95 % interval")
figure.tight_layout()
folder.cleanup()
