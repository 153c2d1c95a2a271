"""
One experiment and its scores
=============================

Run one pipeline on synthetic cells under patient-grouped cross-validation, and plot its score by patient.
"""

# %%
# An experiment is a dataset, an extractor, a classifier and a protocol. Here, 12 patients have about 8 cells each.

import tempfile

import matplotlib.pyplot as plt

import bench

folder = tempfile.TemporaryDirectory()
result = bench.run(
    "size",
    "svm",
    data="phantom[patients=6,cells=8,size=96]",
    folds=3,
    jobs=1,
    out=f"{folder.name}/results",
    store=f"{folder.name}/store",
)
scores = result.scores.set_index("metric")[["value", "low", "high"]]
scores.loc[["auroc_patient", "balanced_accuracy_patient"]].round(2)

# %%
# The out-of-fold predictions of every cell are stored with the experiment. Each cell was scored by a model that was
# fitted without its patient.

predictions = result.predictions
predictions[["cell", "patient", "label", "fold", "p_diseased", "threshold"]].head()

# %%
# Cells of one patient are correlated, so scores should be read by patient.

order = predictions.groupby("patient")["p_diseased"].mean().sort_values().index
figure, axes = plt.subplots(figsize=(7, 3.5))
for label, color in (("diseased", "#c8501e"), ("normal", "#0b6b74")):
    cells = predictions[predictions["label"] == label]
    places = order.get_indexer(cells["patient"])
    axes.scatter(places, cells["p_diseased"], s=18, color=color, label=label)
axes.set_xticks(range(len(order)), order, rotation=45)
axes.set(xlabel="patient", ylabel="probability of disease")
axes.legend()
figure.tight_layout()
folder.cleanup()
