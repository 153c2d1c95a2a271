"""Statistics of patients: pure functions on arrays, each with its published answer among the tests."""
