"""Foundation models: networks pretrained on many microscopic images, with the facts that their authors publish."""
