"""Who is tested with whom: folds of patients, their manifest, and the held-out set."""
