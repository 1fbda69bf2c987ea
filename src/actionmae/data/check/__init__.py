"""Every file of a manifest, read once: what would spoil a training. No torch."""
