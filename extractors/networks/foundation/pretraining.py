"""Datasets that networks were pretrained on: a score on one of them is not a score on unseen cells."""

from __future__ import annotations

from extractors.networks.foundation.catalogue import foundation_model

DINOBLOOM = ("aml_lmu", "bone_marrow_mll", "aml_hehr", "raabin", "bccd", "blood_cells")
"""Readers of the public sets among the 13 that DinoBloom was trained on.

Koch et al., DinoBloom, MICCAI 2024. C-NMC is not in its list, and Acevedo is its external test. `blood_cells` reads
augmented copies of the images of BCCD.
"""

PRETRAINING: dict[str, tuple[str, ...]] = {f"dinobloom_{letter}": DINOBLOOM for letter in "sblg"}
"""Names of dataset readers by name of the network."""


def seen_in_pretraining(network: str, reader: str) -> bool:
    """Whether a network was pretrained on the cells that a dataset reader reads.

    Parameters
    ----------
    network : str
        Name with or without tag, or `hf-hub:OWNER/NAME`; several may be joined by `+`.
    reader : str
        Name of the dataset reader. Of `TRAINING+HELD_OUT` the second counts, which reads the cells of the test.

    Returns
    -------
    bool
        False also where the pretraining data are not known.
    """
    tested = reader.rpartition("+")[2]
    models = (foundation_model(name) for name in network.split("+"))
    return any(model is not None and tested in PRETRAINING.get(model[0], ()) for model in models)
