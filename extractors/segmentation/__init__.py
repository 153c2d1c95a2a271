"""Which pixels are the cell and which its nucleus, where no mask of the user's says so."""
