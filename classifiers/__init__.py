"""scikit-learn classifiers with what they need inside; they know nothing of files, folds or the engine."""
