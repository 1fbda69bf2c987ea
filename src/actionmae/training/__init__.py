"""From a manifest to a run folder: the only place that knows Lightning (in `module`, `callbacks` and `train`)."""
