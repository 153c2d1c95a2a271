"""What is done to a cell's pixels and masks before any extractor or network sees it."""
