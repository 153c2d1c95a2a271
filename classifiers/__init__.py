"""scikit-learn classifiers, including preprocessing; independent of files, folds and the engine."""
