"""Statistical functions on arrays with patients as the independent units."""
