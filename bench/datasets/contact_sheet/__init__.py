"""Contact sheets: thumbnails of cells with masks and preparation."""
