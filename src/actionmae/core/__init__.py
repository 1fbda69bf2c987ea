"""Words and contracts: modalities, subsets, tensors, dropping. `modality` and `subsets` need no torch."""
