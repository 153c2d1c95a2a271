"""Results become tables, figures and one HTML file; nothing is run here."""
