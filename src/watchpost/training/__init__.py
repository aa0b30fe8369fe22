"""Own your detector: from labelled pictures to a model in service. PyTorch is known to this room alone."""
