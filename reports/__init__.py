"""Reports: tables, figures and one HTML file from stored results."""
